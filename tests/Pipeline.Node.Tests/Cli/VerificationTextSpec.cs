using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Operations.Verification;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Cli;

public sealed class VerificationTextSpec
{
    private static readonly TableId Clicks = TableId.Bronze("events", "clicks");
    private static readonly TableId Silver = TableId.Silver("clicks");
    private static readonly SplitId Split = new("events", "clicks/0");
    private static readonly RowFates Fates = new(1000, 20, 300, 4);
    private static readonly TableCheck Files = new TableCheck.Files();
    private static readonly TableCheck Positions = new TableCheck.Positions();
    private static readonly TableCheck Numbers = new TableCheck.Numbers("_partition", "_offset");
    private static readonly TableCheck Redriven = new TableCheck.Redriven();
    private static readonly TableCheck FatesCheck = new TableCheck.Fates(Clicks);
    private static readonly TableCheck Key = new TableCheck.Key(["tenant", "id"]);

    private static readonly CheckedTable[] Checks =
    [
        new(Clicks, Files, new FilesAreThere(12345, 1234)),
        new(Clicks, Files, new FileIsMissing("_ingest_date=2026-03-02/a.parquet", 12)),
        new(Clicks, Files, new FileHasOtherSize("a.parquet", 1000, 12345)),
        new(Clicks, Files, new FilesHoldOtherRows(1000, 12345)),
        new(Clicks, Files, new CannotBeRead(new Fault(FaultKind.Damaged, "Object /lake/bronze/events/clicks/_delta_log/1.json", "version 1 of the table cannot be read: it is empty", "Restore the object from a backup."))),
        new(Clicks, Positions, new PositionsFollow(3, 12345, Since: null)),
        new(Clicks, Positions, new PositionsFollow(3, 12345, Since: 1200)),
        new(Clicks, Positions, new PositionWentBack(12, Split, 3000, 2000)),
        new(Clicks, Positions, new RedriveIsOutOfTurn(12, 1, 3)),
        new(Clicks, Positions, new RedriveIsOutOfTurn(12, null, 3)),
        new(Clicks, Positions, new FileMovesNothing(12, "a.parquet")),
        new(Clicks, Positions, new FileIsOutsideItsRange(12, 2000, 4000, 3000, 5000)),
        new(Clicks, Positions, new FileIsOutsideItsRange(12, 2000, 4000, null, 3000)),
        new(Clicks, Positions, new PositionDiffers(Split, 3000, 5000)),
        new(Clicks, Positions, new PositionDiffers(Split, null, 5000)),
        new(Clicks, Numbers, new RecordsAreThereOnce(12345, 0)),
        new(Clicks, Numbers, new RecordsAreThereOnce(12345, 6789)),
        new(Clicks, Numbers, new RecordsAreThereTwice("0", 1000)),
        new(Clicks, Numbers, new RecordIsBeyondPosition("0", 5000, 3000)),
        new(Clicks, Numbers, new DeadLettersAreRows(1000)),
        new(Clicks, Redriven, new RedrivenAreThereOnce(12345)),
        new(Clicks, Redriven, new RedrivenAreThereTwice(1000)),
        new(Clicks, Redriven, new RedrivenHaveNoLetter(1000)),
        new(Silver, FatesCheck, new NoRunIsComplete()),
        new(Silver, FatesCheck, new FatesBalance(1324, Fates)),
        new(Silver, FatesCheck, new RunsReadOtherRows(1324, 1000)),
        new(Silver, FatesCheck, new FatesDoNotBalance(2000, Fates)),
        new(Silver, Key, new KeysAreUnique()),
        new(Silver, Key, new KeyOccursAgain([7L, "x"], 1000)),
        new(TableId.Gold("dim_users"), new TableCheck.Query(), new QueryReturnsTheSame(12345)),
        new(TableId.Gold("dim_users"), new TableCheck.Query(), new DefinitionHasChanged()),
        new(TableId.Gold("dim_users"), new TableCheck.Query(), new InputIsNotKept(Silver, 12)),
        new(TableId.Gold("dim_users"), new TableCheck.Query(), new QueryReturnsOthers(1001, 1000, 2, 3)),
    ];

    [Fact]
    public void Whatever_verification_finds_is_told_as_a_thing_a_detail_and_a_next_step() => Golden.Verify("verification.txt", string.Join('\n', Checks.Select(check =>
        VerificationText.Of(check) is var (thing, ok, detail, nextStep) ? $"{thing} | {(ok ? "yes" : "no")} | {detail} | {nextStep}".TrimEnd() : "")));

    [Fact]
    public void Everything_that_verification_can_find_is_in_the_golden_file() =>
        Assert.Equal(Sealed(typeof(Evidence)).Concat(Sealed(typeof(TableCheck))).Order(StringComparer.Ordinal),
            Checks.SelectMany(check => (string[])[check.Found.GetType().Name, check.Check.GetType().Name]).Distinct().Order(StringComparer.Ordinal));

    private static IEnumerable<string> Sealed(Type family) => family.Assembly.GetTypes().Where(type => type.IsSealed && type.IsSubclassOf(family)).Select(type => type.Name);
}
