using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Storage;
using Pipeline.Testing;

namespace Pipeline.Ingest.Tests;

/// <summary>Storage that misbehaves costs time; what is in the lake in the end is right.</summary>
public sealed class StorageFaultSpec : IDisposable
{
    private static readonly TableId Orders = TableId.Bronze("test", "orders");

    private readonly LakeOracle _oracle = new();
    private readonly ScriptedSystem _system = new ScriptedSystem("test").WithTable("orders", workers: 2);

    public void Dispose() => _oracle.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Storage_that_fails_is_late_and_loses_answers_brings_every_record_once(int seed)
    {
        var splits = Enumerable.Range(0, 4).Select(i => _system.AddSplit($"orders/{i}", "orders")).ToList();
        var store = new UnreliableStore(new LocalObjectStore(_oracle.Root), seed) { FaultRate = 0.08 };
        await using var node = await IngestNode.StartAsync(new Lake(store, TimeProvider.System), [_system.Open()]);

        var records = 0;
        while (store.Failures < 25)
        {
            foreach (var split in splits) _system.Append(split, Records(split, records));
            records += 100;
            await node.UntilAsync(status => status.Tables.Any(table => table.Positions.Values.Sum() >= records));
        }

        store.FaultRate = 0;
        await UntilCommittedAsync(node, splits.Count * records);

        var expected = splits.SelectMany(split => Enumerable.Range(0, records).Select(i => $"{split.Name}:{i}")).Order(StringComparer.Ordinal);
        var arrived = (await _oracle.IdsAsync(Orders)).Concat(await _oracle.ColumnAsync(TableId.DeadLetter("test"), "decode(value)"));
        Assert.Equal(expected, arrived.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_full_store_is_told_and_waited_for()
    {
        var split = _system.AddSplit("orders/0", "orders");
        var store = new UnreliableStore(new LocalObjectStore(_oracle.Root), seed: 0);
        await using var node = await IngestNode.StartAsync(new Lake(store, TimeProvider.System), [_system.Open()]);
        _system.AppendRows(split, "orders", 100);
        await UntilCommittedAsync(node, 100);

        store.IsFull = true;
        _system.AppendRows(split, "orders", 100);
        await node.UntilAsync(status => status.Tables.Any(table => table is { State: IngestState.Retrying, LastFault.Kind: FaultKind.StorageFull }));
        store.IsFull = false;
        await UntilCommittedAsync(node, 200);

        Assert.Equal(200, (await _oracle.IdsAsync(Orders)).Distinct(StringComparer.Ordinal).Count());
    }

    private static IEnumerable<ScriptedRecord> Records(SplitId split, int from) =>
        Enumerable.Range(from, 100).Select(i => new ScriptedRecord("orders", $"{split.Name}:{i}", IsDead: i % 9 == 4));

    private static Task UntilCommittedAsync(IngestNode node, long records) =>
        node.UntilAsync(status => status.Tables.Any(table => table.Positions.Values.Sum() >= records && table.State == IngestState.Running));
}
