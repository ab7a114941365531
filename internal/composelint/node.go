package composelint

import "go.yaml.in/yaml/v4"

// node is a YAML node that may not be there: a nil one has no text and no elements.
type node struct{ *yaml.Node }

// pair is a key of a mapping with its value.
type pair struct {
	key   string
	value node
}

// at follows an alias to what it stands for.
func at(n *yaml.Node) node {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return node{n}
}

// child is the value of a key, merge keys included.
func child(parent *yaml.Node, key string) node {
	for _, p := range at(parent).pairs() {
		if p.key == key {
			return p.value
		}
	}
	return node{}
}

// pairs are those of a mapping and of the mappings merged into it, its own first.
func (n node) pairs() []pair {
	if n.Node == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	var own, merged []pair
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], at(n.Content[i+1])
		switch {
		case key.Tag != "!!merge":
			own = append(own, pair{key.Value, value})
		case value.Kind == yaml.SequenceNode:
			for _, one := range value.elements() {
				merged = append(merged, one.pairs()...)
			}
		default:
			merged = append(merged, value.pairs()...)
		}
	}
	return append(own, merged...)
}

func (n node) elements() []node {
	if n.Node == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	all := make([]node, len(n.Content))
	for i, one := range n.Content {
		all[i] = at(one)
	}
	return all
}

func (n node) text() string {
	if n.Node == nil || n.Kind != yaml.ScalarNode {
		return ""
	}
	return n.Value
}

// texts are those of a list, or the one of a single text.
func (n node) texts() []string {
	if text := n.text(); text != "" {
		return []string{text}
	}
	var all []string
	for _, one := range n.elements() {
		if text := one.text(); text != "" {
			all = append(all, text)
		}
	}
	return all
}
