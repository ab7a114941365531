//go:build soak && engine

package targets_test

import "testing"

func TestARollbackIsKilledAtEachOfItsActs(t *testing.T) { killedRollbacks(t, 1, 1, 40) }

func TestAReturnIsKilledAtEachOfItsActs(t *testing.T) { killedReturns(t, 1, 1, 40) }

func TestThirtyReleasesInARowLeaveFive(t *testing.T) { releasesInARow(t, 30) }

func TestOfAHundredThousandRequestsNoneIsDroppedWhileDeploymentsFailAndGoBack(t *testing.T) {
	goesBackUnderLoad(t, 100_000)
}
