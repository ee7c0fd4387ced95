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

    private static readonly Fault Cut = new(FaultKind.Damaged, "Object /lake/bronze/events/clicks/_delta_log/1.json", "version 1 of the table cannot be read: it is empty", "Restore the object from a backup.");
    private static readonly TableCheck Presence = new TableCheck.Presence();
    private static readonly TableCheck Commits = new TableCheck.Commits();
    private static readonly TableCheck Rows = new TableCheck.Rows();
    private static readonly TableCheck Letters = new TableCheck.Letters();
    private static readonly TableCheck Query = new TableCheck.Query();

    private static readonly CheckedTable[] Checks =
    [
        new(Clicks, Presence, new IsNotMadeYet()),
        new(Clicks, Presence, new TableIsGone(CanBeMadeAgain: false)),
        new(Silver, Presence, new TableIsGone(CanBeMadeAgain: true)),
        new(Clicks, Presence, new IsAnotherTable(null)),
        new(Clicks, Presence, new IsAnotherTable(Silver)),
        new(Clicks, Commits, new CommitsAreOurs(12345, Since: null)),
        new(Clicks, Commits, new CommitsAreOurs(12345, Since: 1200)),
        new(Clicks, Commits, new CommitIsMissing(12), Times: 3),
        new(Clicks, Commits, new CommitIsDamaged(1, Cut)),
        new(Clicks, Commits, new CheckpointIsDamaged(Cut with { Cause = "the checkpoint of version 10 cannot be read: it is empty" })),
        new(Clicks, Commits, new OtherCommitChangesData(12, "RESTORE", 1, 2)),
        new(Clicks, Commits, new OtherCommitChangesData(12, "", 1, 0)),
        new(Clicks, Commits, new RearrangementChangesRows(12, 1000, 999)),
        new(Clicks, Files, new FilesAreThere(12345, 1234)),
        new(Clicks, Files, new FilesAreAsWritten(12345, 1234, 123456, 0)),
        new(Clicks, Files, new FilesAreAsWritten(12345, 1234, 123456, 12)),
        new(Clicks, Files, new FileIsMissing("_ingest_date=2026-03-02/a.parquet", 12)),
        new(Clicks, Files, new FileHasOtherSize("a.parquet", 1000, 12345)),
        new(Clicks, Files, new FileHasOtherBytes("a.parquet"), Times: 1234),
        new(Clicks, Files, new FileHoldsOtherRows("a.parquet", 1000, 12345)),
        new(Clicks, Files, new FileHasOtherColumn("a.parquet", "id", "string", null)),
        new(Clicks, Files, new FileHasOtherColumn("a.parquet", "id", "string", "long")),
        new(Clicks, Files, new BoundsAreWrong("a.parquet", "id")),
        new(Clicks, Files, new CannotBeRead(Cut)),
        new(Clicks, Rows, new RowsAreAdded(12345, 12350, 5)),
        new(Clicks, Rows, new RowsAreNotAsAdded(1193, 2000, 0)),
        new(Clicks, Rows, new RowsAreNotAsAdded(2100, 2000, 1)),
        new(Clicks, Positions, new PositionsFollow(3, 12345, Since: null)),
        new(Clicks, Positions, new PositionsFollow(3, 12345, Since: 1200)),
        new(Clicks, Positions, new PositionWentBack(12, Split, 3000, 2000)),
        new(Clicks, Positions, new RedriveIsOutOfTurn(12, 1, 3)),
        new(Clicks, Positions, new RedriveIsOutOfTurn(12, null, 3)),
        new(Clicks, Positions, new FileIsOutsideItsRange(12, 2000, 4000, 3000, 5000)),
        new(Clicks, Positions, new FileIsOutsideItsRange(12, 2000, 4000, null, 3000)),
        new(Clicks, Positions, new PositionDiffers(Split, 3000, 5000)),
        new(Clicks, Positions, new PositionDiffers(Split, null, 5000)),
        new(Clicks, Numbers, new RecordsAreThereOnce(12345, 0, 0)),
        new(Clicks, Numbers, new RecordsAreThereOnce(12345, 6789, 0)),
        new(Clicks, Numbers, new RecordsAreThereOnce(12345, 6789, 1000)),
        new(Clicks, Numbers, new NumbersAreMissing(807, 12, 1000)),
        new(Clicks, Numbers, new RecordsAreThereTwice("0", 1000)),
        new(Clicks, Numbers, new RecordIsBeyondPosition("0", 5000, 3000)),
        new(Clicks, Numbers, new DeadLettersAreRows(1000)),
        new(Clicks, Letters, new LettersAreThere(1000)),
        new(Clicks, Letters, new LettersAreMissing(1000, 0)),
        new(Clicks, Redriven, new RedrivenAreThereOnce(12345)),
        new(Clicks, Redriven, new RedrivenAreThereTwice(1000)),
        new(Clicks, Redriven, new RedrivenHaveNoLetter(1000)),
        new(Silver, FatesCheck, new NoRunIsComplete()),
        new(Silver, FatesCheck, new FatesBalance(1324, Fates, 0)),
        new(Silver, FatesCheck, new FatesBalance(1329, Fates with { Purged = 5 }, 0)),
        new(Silver, FatesCheck, new FatesBalance(60000, new RowFates(0, 0, 0, 0), 60000)),
        new(Silver, FatesCheck, new RunsReadOtherRows(1324, 1000)),
        new(Silver, FatesCheck, new FatesDoNotBalance(2000, Fates)),
        new(Silver, FatesCheck, new InputIsBehind(Clicks, 12, 11)),
        new(Silver, FatesCheck, new InputIsBehind(Clicks, 12, -1)),
        new(Silver, Key, new KeysAreUnique()),
        new(Silver, Key, new KeysAreUnique(Earlier: 1200)),
        new(Silver, Key, new KeyOccursAgain([7L, "x"], 1000)),
        new(TableId.Gold("dim_users"), Query, new QueryReturnsTheSame(12345)),
        new(Silver, new TableCheck.Quarantined(), new TooManyAreQuarantined(1000, 612, 20, "type:email")),
        new(TableId.Gold("dim_users"), Query, new DefinitionHasChanged()),
        new(TableId.Gold("dim_users"), Query, new InputIsNotKept(Silver, 12)),
        new(TableId.Gold("dim_users"), Query, new QueryReturnsOthers(1001, 1000, 2, 3, 4)),
    ];

    [Fact]
    public void Whatever_verification_finds_is_told_as_a_thing_a_detail_and_a_next_step() => Golden.Verify("verification.txt", string.Join('\n', Checks.Select(check =>
        Line(VerificationText.Of(check))).Concat(VerificationText.Of(new VerifyLakeResult("/lake", [], [new LakeIsEmpty()])).Select(Line))));

    [Fact]
    public void Its_last_line_is_for_people()
    {
        CheckedTable sound = new(Clicks, Files, new FilesAreThere(12345, 1234)), gone = new(Silver, Presence, new TableIsGone(CanBeMadeAgain: true));
        CheckedTable away = new(Silver, Files, new CannotBeRead(Cut with { Kind = FaultKind.Unreachable }));

        Assert.Equal("Verified: 1 check of 1 table in /lake. Nothing is lost, nothing is there twice.", VerificationText.Verdict(new VerifyLakeResult("/lake", [sound], [])));
        Assert.Equal("NOT as promised: silver/clicks. 2 checks of 2 tables in /lake; the lines marked with 'no' say what to do.", VerificationText.Verdict(new VerifyLakeResult("/lake", [sound, gone], [])));
        Assert.Equal("NOT as promised: the lake itself. 0 checks of 0 tables in /lake; the lines marked with 'no' say what to do.", VerificationText.Verdict(new VerifyLakeResult("/lake", [], [new LakeIsEmpty()])));
        Assert.Equal("Not verified: the store did not answer everything. 2 checks of 2 tables in /lake; to be looked at: silver/clicks.", VerificationText.Verdict(new VerifyLakeResult("/lake", [sound, away], [])));
    }

    [Fact]
    public void Everything_that_verification_can_find_is_in_the_golden_file() =>
        Assert.Equal(Sealed(typeof(Evidence)).Concat(Sealed(typeof(TableCheck))).Where(kind => kind != nameof(LakeIsEmpty)).Order(StringComparer.Ordinal),
            Checks.SelectMany(check => (string[])[check.Found.GetType().Name, check.Check.GetType().Name]).Distinct().Order(StringComparer.Ordinal));

    private static string Line(Finding finding) => $"{finding.Thing} | {(finding.Ok ? "yes" : "no")} | {finding.Detail} | {finding.NextStep}".TrimEnd();

    private static IEnumerable<string> Sealed(Type family) => family.Assembly.GetTypes().Where(type => type.IsSealed && type.IsSubclassOf(family)).Select(type => type.Name);
}
