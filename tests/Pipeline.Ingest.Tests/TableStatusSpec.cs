using System.Collections.Immutable;
using Pipeline.Core;

namespace Pipeline.Ingest.Tests;

public sealed class TableStatusSpec
{
    private static readonly TableId Orders = TableId.Bronze("test", "orders");
    private static readonly DateTimeOffset Noon = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly Fault WrongPassword = new(FaultKind.NotAuthorised, "Broker", "wrong password", "Correct it.");
    private static readonly Fault Outage = new(FaultKind.Unreachable, "Broker", "does not answer", "Wait.");

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Workers_are_one_table_as_bad_as_the_worst_and_as_far_as_they_are_together(bool isReversed)
    {
        WorkerStatus[] workers =
        [
            new(Orders, 0, IngestState.Halted, Rows: 10, DeadLetters: 1, Version: 4, WrongPassword, Positions(("a", 5), ("b", 9)), Noon, Noon.AddSeconds(1)),
            new(Orders, 1, IngestState.Retrying, Rows: 20, DeadLetters: 2, Version: 3, Outage, Positions(("b", 7), ("c", -3)), Noon.AddSeconds(2), Noon),
        ];

        var status = TableStatus.Of(Orders, [.. isReversed ? workers.Reverse() : workers]);

        Assert.Equal((Orders, IngestState.Halted, 30, 3, 4, WrongPassword), (status.Table, status.State, status.Rows, status.DeadLetters, status.Version, status.LastFault));
        Assert.Equal((Noon.AddSeconds(2), Noon.AddSeconds(1)), (status.NewestEventAt, status.LastCommitAt));
        Assert.Equal(Positions(("a", 5), ("b", 9), ("c", -3)).Order(ByName), status.Positions.Order(ByName));
    }

    private static readonly Comparer<KeyValuePair<SplitId, long>> ByName = Comparer<KeyValuePair<SplitId, long>>.Create((one, other) => string.CompareOrdinal(one.Key.ToString(), other.Key.ToString()));

    private static ImmutableDictionary<SplitId, long> Positions(params (string Split, long Position)[] positions) =>
        positions.ToImmutableDictionary(pair => new SplitId("test", pair.Split), pair => pair.Position);
}
