// Package rollout brings the services of a stack to a new version, each after those that it depends on, and never
// leaves a service between two versions for good. It knows no console and no Mage: it acts through Acts.
//
// # What makes a service run again
//
// Inputs lists what the containers of a service depend on: each key of its resolved definition, each
// file they read of the checkout, each secret and config, the image's id. Holds looks at the engine and
// says whether what was once deployed is still there. Both belong into the service's checkpoint, which
// StepName names.
//
// # Which containers are of which version
//
// Compose labels a container with a hash of its definition, but the hash leaves out what mounted files,
// configs and secrets contain, and the engine keeps nothing of it either. So Origins writes down, before
// the first act of a rollout, which containers are there, with the mark of the target each came from, and
// the mark of the new target. From then on a container on the list is what the list says, and one that is
// not on it is new. That holds at whatever instant the process dies, for the list is written before, not
// after. When the rollout is done, the list is closed: a container that somebody creates by hand later is
// of unknown origin, and replaced by the next rollout that has a cause.
//
// # How a service gets there
//
// Each run first looks at what is there, and does only what is missing. Choose picks the order:
//
//   - Start, when there is no container: `deploy.sh up`, then wait.
//   - StopFirst, for what cannot have a second container beside the first (a fixed host port, a
//     container_name, data in a volume): `deploy.sh renew`. Compose creates the new container, stops the
//     old one, starts the new one. A container of the right version that merely stopped is started as it
//     is, with `deploy.sh up`. Of several replicas, one after the other is retired and followed by a new
//     one, so that the others serve meanwhile.
//   - StartFirst, for the rest: `deploy.sh beside` adds the new containers; when all of them are well, the
//     old ones are retired one by one. A new one that fails is removed, and the old ones were never stopped.
//
// deploy.update_config of the Compose specification overrides the choice (order) and how many are replaced
// at a time (parallelism, delay), except that what cannot be started twice never starts first.
//
// # What an interruption leaves
//
// A cancelled context stops the work between two acts. A killed process stops it anywhere, in the middle
// of a compose too. What the next run may find, and does:
//
//   - new containers beside old ones: the new ones are recognised, waited for, and the rest is added;
//   - a container stopped but not removed: with start-first it is removed, else started or recreated;
//   - `<id>_name`, the half-made successor of a recreate: removed if the original is still there, else
//     recreated under its right name. Never removed when it is alone, for it may be the last holder of
//     the service's anonymous volumes.
//
// Nothing here removes a volume.
//
// # The first deploy
//
// Order puts services that have no containers yet into one group if they do not depend on each other.
// StartAll starts such a group in one act; Service, called for each of them afterwards, finds them of the
// right version and only waits.
package rollout
