using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Storage;
using Pipeline.Delta.Tests.Storage;
using Pipeline.Operations.Control;
using Pipeline.Testing;

namespace Pipeline.Operations.Tests.Control;

public sealed class EventRecordSpec : IDisposable
{
    private static readonly DateTimeOffset At = new(2026, 3, 2, 12, 0, 0, TimeSpan.Zero);
    private static readonly TableId Users = TableId.Bronze("app", "users");

    private readonly HeldClock _time = new(At) { AutoAdvanceAmount = TimeSpan.Zero };
    private readonly Lake _lake;
    private readonly EventRecord _record;

    public EventRecordSpec()
    {
        _lake = new Lake(new MemoryStore(), _time);
        _record = new EventRecord(_lake, _time);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _record.Dispose();

    [Fact]
    public async Task A_halt_is_told_once_however_often_it_is_looked_at_and_by_however_many_singletons_and_so_is_its_end()
    {
        Hear(_record, At, "the role is missing");
        await WriteAsync(_record);
        Hear(_record, At.AddMinutes(1), "the role is missing");
        await WriteAsync(_record);
        using var moved = new EventRecord(_lake, _time);
        Hear(moved, At.AddMinutes(1), "the role is missing");
        Hear(moved, At.AddMinutes(2), "the password is wrong");
        await WriteAsync(moved);
        Assert.True(moved.IsDue(table => table == Users.ToString()));
        await WriteAsync(moved, Users.ToString());
        Assert.False(moved.IsDue(_ => true));

        var events = await _record.ReadAsync(Cancel);

        Assert.Equal([PipelineEventKind.NodeStarted, PipelineEventKind.Halted, PipelineEventKind.Halted, PipelineEventKind.GoesOn], events.Select(happened => happened.Kind));
        Assert.Equal([1, 2, 3, 4], events.Select(happened => happened.Number));
        Assert.EndsWith("the password is wrong", events[3].What, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_nodes_whose_configurations_differ_the_one_that_started_first_is_told_of()
    {
        var (older, newer) = (Facts("a:1", "1", At, "x"), Facts("b:1", "2", At.AddHours(1), "y"));
        _record.Hear(ReportOf(older), []);
        _record.Hear(ReportOf(newer), [LineOf(older)]);
        _record.Hear(ReportOf(older), [LineOf(newer)]);
        _record.Gone(LineOf(older), At.AddHours(2));
        await WriteAsync(_record);

        Assert.Equal([(PipelineEventKind.NodeStarted, "a:1"), (PipelineEventKind.NodeStarted, "b:1"), (PipelineEventKind.ConfigurationDiffers, "a:1"), (PipelineEventKind.NodeGone, "a:1")],
            (await _record.ReadAsync(Cancel)).OrderBy(happened => happened.Number).Select(happened => (happened.Kind, happened.Thing)));
    }

    [Fact]
    public async Task A_node_that_starts_is_written_with_what_happens_next_and_not_asked_about_until_then()
    {
        _record.Hear(ReportOf(Facts("a:1", "1", At, "x")), []);
        Assert.True(_record.IsDue(_ => true));
        await WriteAsync(_record);
        Assert.False(_record.IsDue(_ => true));
        Assert.Empty(await _record.ReadAsync(Cancel));

        Hear(_record, At, "the role is missing");
        Assert.True(_record.IsDue(_ => false));
        await WriteAsync(_record);

        Assert.Equal([PipelineEventKind.NodeStarted, PipelineEventKind.Halted], (await _record.ReadAsync(Cancel)).Select(happened => happened.Kind));
    }

    [Fact]
    public async Task What_happened_is_read_with_what_operators_wanted_in_the_order_of_time()
    {
        using var control = new LakeControl(_lake, new ControlScope([Users], ["app"]), (_, _) => Task.FromResult<IReadOnlyList<SplitGap>>([]), _time);
        Hear(_record, At, "the role is missing");
        await WriteAsync(_record);
        _time.Advance(TimeSpan.FromMinutes(1));
        await control.ApplyAsync((await control.PlanAsync(new ControlCommand(ControlVerb.Pause, ControlTarget.Source("app")), Cancel)).Id, "anna", "to see", Cancel);

        var events = (await EventsOfLake.RunAsync(new EventsOfLakeRequest(At, Users), control, Cancel)).Events;
        var late = (await EventsOfLake.RunAsync(new EventsOfLakeRequest(At.AddSeconds(30), Table: null), control, Cancel)).Events;

        Assert.Equal([PipelineEventKind.Halted, PipelineEventKind.NodeStarted, PipelineEventKind.Wished], events.Select(one => one.Kind).OrderBy(kind => kind));
        Assert.Equal(("app", "anna", "paused: to see"), (late.Single().Thing, late.Single().Who, late.Single().What));
    }

    [Fact]
    public async Task What_was_read_is_not_read_again_and_what_has_come_since_is()
    {
        var store = new CountedStore(new MemoryStore());
        var lake = new Lake(store, _time);
        using var control = new LakeControl(lake, new ControlScope([Users], ["app"]), (_, _) => Task.FromResult<IReadOnlyList<SplitGap>>([]), _time);
        using var record = new EventRecord(lake, _time);
        var all = new EventsOfLakeRequest(At, Table: null);
        Hear(record, At, "the role is missing");
        await WriteAsync(record);
        Assert.Equal(2, (await EventsOfLake.RunAsync(all, control, Cancel)).Events.Count);

        store.FilesRead.Clear();
        Assert.Equal(2, (await EventsOfLake.RunAsync(all, control, Cancel)).Events.Count);
        Assert.Empty(store.FilesRead);
        Hear(record, At.AddMinutes(1), "the password is wrong");
        await WriteAsync(record);
        Assert.Equal(3, (await EventsOfLake.RunAsync(all, control, Cancel)).Events.Count);
        Assert.Single(store.FilesRead.Distinct());
    }

    private static void Hear(EventRecord record, DateTimeOffset since, string cause) => record.Hear(ReportOf(Facts("a:1", "1", At, "x"),
        new TableReport(Users, WorkState.Halted, since, Version: null, Rows: null, RowsPerSecond: null, Pending: 0) { Fault = new ReportedFault(FaultKind.NotAuthorised, "Source app", cause, "Grant it.") }), []);

    private static NodeFacts Facts(string node, string incarnation, DateTimeOffset startedAt, string configuration) => new(node, incarnation, "1.0.0", startedAt, ["ingest"], configuration);

    private static NodeReport ReportOf(NodeFacts facts, params TableReport[] tables) => new(facts, By: null, IsHeld: false, BufferBytes: 0, tables, []);

    private static NodeLine LineOf(NodeFacts facts) => new(facts, At, 0, IsHeld: false, 0, []);

    private async Task WriteAsync(EventRecord record, params string[] well) => record.Written(await record.WriteAsync(record.Pending, [.. well], "a:1", Cancel));

    /// <summary>Remembers which data files were read.</summary>
    private sealed class CountedStore(IObjectStore inner) : StoreDecorator(inner)
    {
        public List<string> FilesRead { get; } = [];

        public override ValueTask<byte[]> GetRangeAsync(string path, long offset, int length, CancellationToken cancellationToken)
        {
            FilesRead.Add(path);
            return base.GetRangeAsync(path, offset, length, cancellationToken);
        }
    }
}
