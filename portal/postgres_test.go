package portal

import (
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/postgres"
	"github.com/cpx-bridge/cpx-bridge/portal/store"
)

// TestOnPostgreSQL plays the tests of the whole site in which the database has a part on
// PostgreSQL too: what holds on SQLite holds there.
func TestOnPostgreSQL(t *testing.T) {
	for _, test := range onBoth {
		t.Run(nameOf(test), test)
	}
}

func nameOf(test func(*testing.T)) string {
	name := runtime.FuncForPC(reflect.ValueOf(test).Pointer()).Name()
	return name[strings.LastIndexByte(name, '.')+1:]
}

// databaseOf is the database of a test's site; "" is a file of SQLite's.
func databaseOf(t *testing.T) string {
	t.Helper()
	if strings.HasPrefix(t.Name(), "TestOnPostgreSQL/") {
		return postgres.Database(t)
	}
	return ""
}

func (s *site) onPostgres() bool { return store.IsPostgres(s.settings.Database) }

var onBoth = []func(*testing.T){
	// Attacks.
	TestVisitorsStoreNothing, TestClean, TestHalfMillionExpired, TestLostCard, TestLostCardIsHeldOffThrice, TestNoNumberTwice,
	TestConfirmsOnce, TestConfirmsWhatItShows, TestBackAfterAttaching, TestDetachEndsConfirmations, TestOneCardShutsNobodyOut, TestPasswordReplacedMeanwhile, TestPasswordFlood,
	TestPasswordStepIsSlowed, TestThrottleAfterAClockAhead, TestNoEnumeration, TestFormFitsTheAccount, TestAnotherPersonsPage,
	// Several instances.
	TestInstances, TestOneInstanceAccepts, TestNonceLogsInOnce, TestNonces, TestManyTabs,
	// Sessions and cards.
	TestSessionEnds, TestSessionIsRenewed, TestLoginReplacesTheSession, TestAttachOnceThenOneClick, TestRenewedCardStillLogsIn, TestTrustGroupIsPartOfTheCard,
	TestKindOfTheCard, TestKindIsRetained, TestUnnamedCard, TestCardAttachedElsewhere, TestSeveralCards, TestAccounts, TestHostileNames, TestNamesAreEscaped,
	TestSelfTest, TestSelfTestWithASession, TestDetachOnlyOnesOwn, TestNotMyCard, TestPendingCard, TestDatabaseHoldsNoSecret, TestAudit, TestOutdatedHash, TestSeenOnceAMinute, TestStatements, TestLoginWithoutItsRow,
}
