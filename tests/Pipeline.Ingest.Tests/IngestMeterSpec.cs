using Akka.Actor;
using Pipeline.Core;
using Pipeline.Core.Metrics;
using Pipeline.Testing;

namespace Pipeline.Ingest.Tests;

/// <summary>What is measured of Bronze. Its source has a name of its own: other tests measure in this process.</summary>
public sealed class IngestMeterSpec : IDisposable
{
    private static readonly TableId Orders = TableId.Bronze("measured", "orders");

    private readonly LakeOracle _oracle = new();
    private readonly ScriptedSystem _system = new("measured");
    private readonly Measurements _figures = new();

    public void Dispose()
    {
        _figures.Dispose();
        _oracle.Dispose();
    }

    [Fact]
    public async Task What_goes_well_has_durations_and_what_does_not_has_states_errors_and_a_recovery()
    {
        _system.WithTable("orders");
        var (well, broken) = (_system.AddSplit("orders/0", "orders"), _system.AddSplit("orders/1", "orders"));
        foreach (var split in (SplitId[])[well, broken]) _system.AppendRows(split, "orders", 100);
        await using var node = await IngestNode.StartAsync(_oracle.Lake, [_system.Open()]);
        await node.UntilAsync(status => status.Tables.Any(table => table is { Rows: 200, State: IngestState.Running }));

        Assert.True(_figures.Sum(Instruments.IngestDuration, "measured") > 0);
        Assert.True(_figures.Sum(Instruments.IngestRate, Orders.ToString()) > 0);
        Assert.True(_figures.Sum(Instruments.IngestRecovery, Orders.ToString(), "start") > 0);
        Assert.Equal((0, 0), (_figures.Observe(Instruments.IngestedState, Orders.ToString()), _figures.Observe(Instruments.SplitState, "measured", "orders/1")));
        Assert.Equal(0, _figures.Sum(Instruments.IngestErrors, Orders.ToString(), "not_authorised"));

        _system.Append(well, new ScriptedRecord("orders", "no order", IsDead: true));
        await node.UntilAsync(status => status.Tables.Any(table => table.DeadLetters == 1));
        Assert.Equal(1, _figures.Observe(Instruments.DeadLetterRows, "measured"));
        var files = await _oracle.FilesAsync(Orders);
        Assert.Equal((files.Sum(file => new FileInfo(file).Length), files.Count), (_figures.Observe(Instruments.BronzeBytes, Orders.ToString(), "bronze"), _figures.Observe(Instruments.BronzeFiles, Orders.ToString(), "bronze")));

        _system.Faults[broken] = split => new PipelineException(FaultKind.NotAuthorised, split.ToString(), "access denied", "Grant it.") { Split = split };
        _system.AppendRows(broken, "orders", 1);
        await node.UntilAsync(status => status.Tables.Any(table => table.State == IngestState.Halted));
        Assert.Equal((4, 0, 4), (_figures.Observe(Instruments.IngestedState, Orders.ToString()), _figures.Observe(Instruments.SplitState, "measured", "orders/0"),
            _figures.Observe(Instruments.SplitState, "measured", "orders/1")));
        Assert.True(_figures.Sum(Instruments.IngestErrors, Orders.ToString(), "not_authorised") >= 1);

        _system.Faults.Clear();
        node.Monitor.Tell(new ResumeIngest(Orders), ActorRefs.NoSender);
        await node.UntilAsync(status => status.Tables.Any(table => table is { Rows: 201, State: IngestState.Running }));

        Assert.True(_figures.Sum(Instruments.IngestRecovery, Orders.ToString(), "halt") > 0);
        Assert.Equal((0, 0), (_figures.Observe(Instruments.IngestedState, Orders.ToString()), _figures.Observe(Instruments.SplitState, "measured", "orders/1")));
    }
}
