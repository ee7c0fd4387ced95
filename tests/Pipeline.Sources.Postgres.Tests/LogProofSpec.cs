using Pipeline.Core;
using Pipeline.Sources.Postgres.Reading.Capture;

namespace Pipeline.Sources.Postgres.Tests;

/// <summary>Whether a slot's log is the one that the lake has read, by the transactions that come before its places.</summary>
public sealed class LogProofSpec
{
    private static readonly PostgresSourceOptions Options = new() { Name = "app", Host = "", Port = 0, Database = "", Security = new PostgresSecurityOptions { Username = "" }, Tables = [TestDatabase.Table("one", ""), TestDatabase.Table("two", "")] };

    [Theory]
    [InlineData(100, "200:7", "", 210, false)]
    [InlineData(100, "200:7", "", 209, true)]
    [InlineData(100, "150:7", "", 210, true)]
    [InlineData(100, "200:8", "", 210, true)]
    [InlineData(100, "150:3 200:7", "", 210, false)]
    [InlineData(100, "200:7 205:9", "", 210, true)]
    [InlineData(100, "", "", 210, true)]
    [InlineData(205, "", "", 210, false)]
    [InlineData(205, "207:1", "", 210, true)]
    // Confirmed by a server that has forgotten it: it is sent again.
    [InlineData(205, "200:7", "", 210, false)]
    // The other table has read on.
    [InlineData(100, "200:7", "300:9", 320, false)]
    [InlineData(100, "200:7", "300:8", 320, true)]
    [InlineData(100, "200:7", "", 320, true)]
    public void What_was_read_last_comes_again_or_the_log_is_another(long confirmed, string first, string then, long end, bool isAnother)
    {
        var proof = new LogProof(Options, From(isTwo: end > 300), Slot(confirmed));

        Assert.Equal(Math.Max(confirmed, 200), proof.From);
        Assert.Equal(isAnother, Record.Exception(() =>
        {
            foreach (var (position, time) in Transactions(first)) proof.Saw(position, time);
            proof.Reach(Math.Min(end, 210));
            foreach (var (position, time) in Transactions(then)) proof.Saw(position, time);
            proof.Reach(end);
            if (proof.IsOpen) throw new PipelineException(FaultKind.Gap, "", "nothing was shown", "");
        }) is PipelineException { Kind: FaultKind.Gap });
    }

    [Fact]
    public void Of_a_lake_that_knows_no_last_transaction_nothing_is_asked()
    {
        var proof = new LogProof(Options, new SplitPosition(new SplitId("app", "slot"), 210) { Marks = new SplitMarks(OrderTime: 7) }, Slot(100));

        Assert.Equal((false, (long?)null), (proof.IsOpen, proof.From));
        proof.Saw(50, 1);
        proof.Reach(500);
    }

    [Fact]
    public void A_commit_that_is_not_behind_the_one_before_is_damage()
    {
        var proof = new LogProof(Options, From(isTwo: false), Slot(100));
        proof.Saw(200, 7);

        Assert.Equal(FaultKind.Damaged, Assert.Throws<PipelineException>(() => proof.Saw(200, 7)).Kind);
    }

    private static SplitPosition From(bool isTwo) => new(new SplitId("app", "slot"), 210)
    {
        Tables = new Dictionary<string, long?>(StringComparer.Ordinal) { ["one"] = 210, ["two"] = isTwo ? 310 : 210 },
        TableMarks = new Dictionary<string, SplitMarks>(StringComparer.Ordinal) { ["one"] = new SplitMarks(OrderTime: 7, Last: 200), ["two"] = isTwo ? new SplitMarks(OrderTime: 9, Last: 300) : default },
    };

    private static SlotState Slot(long confirmed) => new(confirmed, "pgoutput", "app", SlotHealth.Reserved, IsActive: false, 0, 0, null, null);

    private static IEnumerable<(long Position, long Time)> Transactions(string text) =>
        text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(one => one.Split(':')).Select(one => (long.Parse(one[0]), long.Parse(one[1])));
}
