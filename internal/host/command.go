package host

// Command is how the operator types a target; package targets knows it better.
var Command = func(target string) string { return "mage " + target }
