using System.Collections.Immutable;
using Confluent.Kafka;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Testing;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Storage;
using Pipeline.Emulation.Kafka;
using Pipeline.Sources.Kafka;

namespace Pipeline.Ingest.Tests;

public sealed class GapAcceptanceSpec
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_accepted_gap_moves_the_split_once_and_stays_on_record()
    {
        using var directory = new ScratchDirectory("gap-");
        await using var kafka = EmbeddedKafka.Start(1, ("user_events", 2));
        using (var producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = kafka.Bootstrap, LingerMs = 0 }).Build())
            for (var i = 0; i < 10; i++)
                await producer.ProduceAsync(new TopicPartition("user_events", i % 2), new Message<Null, byte[]> { Value = "{}"u8.ToArray() }, Cancel);
        var lake = new Lake(new LocalObjectStore(directory), TimeProvider.System);
        var options = new KafkaSourceOptions { Name = "events", Bootstrap = kafka.Bootstrap, Tables = [new KafkaTableOptions { Name = "user_events", Topic = "user_events" }] };
        await using var source = new KafkaSourceDefinition(options).Open(new SourceServices(TimeProvider.System, NullLoggerFactory.Instance, new LocalSecretStore(), new TestOwner()));
        Assert.Empty(await GapAcceptance.FindAsync(lake, source, TableId.Bronze("events", "user_events"), Cancel));
        await StandAtAsync(lake, source, ("events/user_events/0", 1), ("events/user_events/1", 1));

        // The broker forgets partition 1's first three records; one of them was read.
        kafka.DeleteRecords("user_events", 1, beforeOffset: 3);
        var gaps = await GapAcceptance.FindAsync(lake, source, TableId.Bronze("events", "user_events"), Cancel);
        await GapAcceptance.AcceptAsync(lake, TableId.Bronze("events", "user_events"), gaps, TimeProvider.System, Cancel);

        var gap = Assert.Single(gaps);
        Assert.Equal(new SplitGap(new SplitId("events", "user_events/1"), new PositionRange(1, 3)), gap);
        var table = (await lake.TryOpenAsync(TableId.Bronze("events", "user_events"), Cancel))!;
        Assert.Equal((1, 3), (table.Current.Position("events/user_events/0"), table.Current.Position("events/user_events/1")));
        var newest = await table.HistoryAsync(Cancel).FirstAsync(Cancel);
        Assert.Equal(GapAcceptance.Operation, newest.Info!.Operation);
        Assert.Equal("1", newest.Info.OperationParameters!["from"].Trim('"'));
        Assert.Equal("3", newest.Info.OperationParameters["to"].Trim('"'));

        // A second decision about the same records is none.
        await Assert.ThrowsAsync<PipelineException>(() => GapAcceptance.AcceptAsync(lake, TableId.Bronze("events", "user_events"), gaps, TimeProvider.System, Cancel));
        Assert.Empty(await GapAcceptance.FindAsync(lake, source, TableId.Bronze("events", "user_events"), Cancel));
    }

    [Fact]
    public async Task Where_the_source_is_behind_a_snapshot_is_read_again_in_the_new_epoch()
    {
        using var directory = new ScratchDirectory("gap-");
        var lake = new Lake(new LocalObjectStore(directory), TimeProvider.System);
        var (users, slot, snapshot) = (TableId.Bronze("app", "users"), new SplitId("app", "slot"), new SplitId("app", "snapshot"));
        var table = await BronzeTable.OpenAsync(lake, users, new Apache.Arrow.Schema([BronzeColumns.OpField, BronzeColumns.PositionField], null), Cancel);
        await Worker.Beginnings.RecordAsync(table, [new Split(slot, ["users"], Beginning: 7) { Identity = "a" }, new Split(snapshot, ["users"], Beginning: 0) { Identity = "a", IsSnapshot = true }], TimeProvider.System, Cancel);
        Assert.IsType<CommitResult.Committed>(await table.Delta.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Moves = [new TxnMove(slot, 7, 40), new TxnMove(snapshot, 0, long.MaxValue)], Marks = [.. SplitHistory.MarksOf(slot, 0, new SplitMarks(OrderTime: 5, Note: 1, Last: 39))] }, Cancel));

        await GapAcceptance.AcceptAsync(lake, users, [new SplitGap(slot, new PositionRange(20, 40), IsBehind: true)], TimeProvider.System, Cancel);

        // A finished one would say that the source has none of the rows from before.
        var accepted = await table.Delta.RefreshAsync(Cancel);
        Assert.Equal((1, 20, 0), (accepted.Histories.EpochOf(snapshot), accepted.Position(slot), accepted.Position(snapshot)));
        // What was last, whose it was and when is of the records that are there no more.
        Assert.Equal(default, accepted.Marks(slot));
    }

    /// <param name="isRecorded">Whether the table's log has it, and the source looks well again.</param>
    /// <param name="anew">Where the source's answer has snapshots begin.</param>
    [Theory]
    [InlineData(true, 30, 30)]
    [InlineData(false, 30, 30)]
    [InlineData(true, 10, 20)]
    [InlineData(false, 10, 20)]
    [InlineData(false, 55, 55)]
    public async Task What_lies_before_snapshots_that_are_read_again_is_read_with_them_alone(bool isRecorded, long anew, long expected)
    {
        using var directory = new ScratchDirectory("gap-");
        var lake = new Lake(new LocalObjectStore(directory), TimeProvider.System);
        var (users, system) = (TableId.Bronze("app", "users"), new ScriptedSystem("app") { Identity = "a" });
        system.WithTable("users");
        var (slot, fault) = (system.AddSplit("slot", "users"), new PipelineException(FaultKind.Gap, "Slot", "others are there", "Accept it.") { Split = new SplitId("app", "slot"), ReadAgainFrom = 20 });
        var table = await BronzeTable.OpenAsync(lake, users, new Apache.Arrow.Schema([BronzeColumns.OpField, BronzeColumns.PositionField], null), Cancel);
        await Worker.Beginnings.RecordAsync(table, [new Split(slot, ["users"], Beginning: 7) { Identity = "a" }], TimeProvider.System, Cancel);
        Assert.IsType<CommitResult.Committed>(await table.Delta.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Moves = [new TxnMove(slot, 7, 40)] }, Cancel));
        system.BeginningsAnew[slot] = anew;
        if (isRecorded) await GapAcceptance.RecordAsync(table.Delta, table.Id, slot, Fault.Of("Slot", fault), 40, TimeProvider.System, Cancel);
        else system.Standings[slot] = fault;
        await using var source = system.Open();

        var gaps = await GapAcceptance.FindAsync(lake, source, users, Cancel);
        await GapAcceptance.AcceptAsync(lake, users, gaps, TimeProvider.System, Cancel);

        Assert.Equal((slot, new PositionRange(20, 40), true), (gaps.Single().Split, gaps[0].Range, gaps[0].IsBehind));
        var accepted = await table.Delta.RefreshAsync(Cancel);
        Assert.Equal((1, expected), (accepted.Histories.EpochOf(slot), accepted.Position(slot)));
        Assert.Empty(await GapsAfterAsync());

        async Task<IReadOnlyList<SplitGap>> GapsAfterAsync()
        {
            system.Standings.Clear();
            return await GapAcceptance.FindAsync(lake, source, users, Cancel);
        }
    }

    private static async Task StandAtAsync(Lake lake, ISource source, params (string Split, long Position)[] positions)
    {
        var table = await BronzeTable.OpenAsync(lake, TableId.Bronze(source.Name, "user_events"), await source.DescribeAsync("user_events", Cancel), Cancel);
        var moves = positions.Select(position => new TxnMove(position.Split, null, position.Position)).ToImmutableArray();
        Assert.IsType<CommitResult.Committed>(await table.Delta.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Moves = moves }, Cancel));
    }
}
