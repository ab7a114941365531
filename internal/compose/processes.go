package compose

import (
	"context"
	"slices"

	"github.com/moby/moby/client"
)

// Process is a process of a container.
type Process struct{ PID, Command string }

// Processes are what runs in a container, its main process first.
func Processes(ctx context.Context, id string) ([]Process, error) {
	docker, err := engine()
	if err != nil {
		return nil, err
	}
	answer, err := docker.ContainerTop(ctx, id, client.ContainerTopOptions{})
	if err != nil {
		return nil, refusal(ctx, "list the processes of the container", err)
	}
	pid := slices.Index(answer.Titles, "PID")
	command := slices.IndexFunc(answer.Titles, func(title string) bool { return title == "CMD" || title == "COMMAND" })
	var processes []Process
	for _, fields := range answer.Processes {
		if pid >= 0 && command >= 0 && max(pid, command) < len(fields) {
			processes = append(processes, Process{PID: fields[pid], Command: fields[command]})
		}
	}
	return processes, nil
}
