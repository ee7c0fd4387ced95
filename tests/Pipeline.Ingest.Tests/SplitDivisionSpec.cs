using Pipeline.Core;
using Pipeline.Ingest.Worker;

namespace Pipeline.Ingest.Tests;

public sealed class SplitDivisionSpec
{
    private static readonly Split[] Partitions = [.. new[] { 10, 2, 0, 1, 11, 3 }.Select(number => new Split(new SplitId("kafka", $"events/{number}"), ["events"]))];

    [Fact]
    public void Workers_take_turns_in_the_order_of_the_numbers()
    {
        Assert.Equal(["events/0", "events/2", "events/10"], ShareOf(worker: 0, workers: 2));
        Assert.Equal(["events/1", "events/3", "events/11"], ShareOf(worker: 1, workers: 2));
    }

    [Fact]
    public void A_split_of_several_tables_belongs_to_the_first()
    {
        var slot = new Split(new SplitId("postgres", "slot"), ["orders", "lines"]);

        Assert.Equal([slot], SplitDivision.ShareOf(TableId.Bronze("app", "orders"), worker: 0, workers: 1, [slot]));
        Assert.Empty(SplitDivision.ShareOf(TableId.Bronze("app", "lines"), worker: 0, workers: 1, [slot]));
    }

    private static IEnumerable<string> ShareOf(int worker, int workers) =>
        SplitDivision.ShareOf(TableId.Bronze("app", "events"), worker, workers, Partitions).Select(split => split.Id.Name);
}
