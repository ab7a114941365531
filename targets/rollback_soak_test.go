//go:build soak && engine

package targets_test

import "testing"

func TestARollbackIsKilledAtEachOfItsActs(t *testing.T) { killedRollbacks(t, 1, 1, 40) }
