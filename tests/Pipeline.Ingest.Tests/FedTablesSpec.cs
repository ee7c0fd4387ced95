using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Storage;
using Pipeline.Ingest.Worker;
using Pipeline.Testing;

namespace Pipeline.Ingest.Tests;

/// <summary>What becomes of the tables of one split when it cannot be read on for some of them.</summary>
public sealed class FedTablesSpec : IDisposable
{
    private readonly ScratchDirectory _directory = new("fed-tables-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_table_that_stands_before_what_cannot_be_read_begins_anew_once_and_one_that_is_further_on_goes_on()
    {
        var system = new ScriptedSystem("app") { Identity = "a" }.WithTable("users").WithTable("orders");
        var slot = system.AddSplit("slot", "users", "orders");
        await using var source = system.Open();
        var lake = new Lake(new LocalObjectStore(_directory), TimeProvider.System);
        await BeginAsync("users", 7);
        await BeginAsync("orders", 40);
        system.BeginAt(slot, 7, anew: 50);
        var fed = new FedTables(new IngestWorkerSetup(source, source.Tables[0], lake, null!, null, IngestNode.Fast, null!, null!, null!, TimeProvider.System), worker: 0);

        var begun = new List<bool>();
        foreach (var anew in new[] { new TableAnew("users", 20), new TableAnew("orders", 20), new TableAnew("users", 20) }) begun.Add(await fed.TryBeginAnewAsync(anew, Cancel));

        Assert.Equal([true, false, false], begun);
        Assert.Equal(((long?)50, 1), await WhereAsync("users"));
        Assert.Equal(((long?)40, 0), await WhereAsync("orders"));

        async Task BeginAsync(string table, long at)
        {
            system.BeginAt(slot, at);
            await Beginnings.RecordAsync(await OpenAsync(table), await source.ListSplitsAsync(table, Cancel), TimeProvider.System, Cancel);
        }

        async Task<(long?, int)> WhereAsync(string table)
        {
            var snapshot = (await OpenAsync(table)).Delta.Current;
            return (snapshot.Position(slot), snapshot.Histories.EpochOf(slot));
        }

        async Task<BronzeTable> OpenAsync(string table) => await BronzeTable.OpenAsync(lake, TableId.Bronze("app", table), await source.DescribeAsync(table, Cancel), Cancel);
    }
}
