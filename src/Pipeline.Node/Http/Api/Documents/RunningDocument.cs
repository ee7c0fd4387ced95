using Pipeline.Core;
using Pipeline.Operations.Control;
using Pipeline.Operations.Tables;

namespace Pipeline.Node.Http.Api.Documents;

/// <param name="LakeAwaySince">Since when the record of what operators want cannot be read; null: it can.</param>
/// <param name="Unrecorded">Ids of wishes that act and are not recorded yet.</param>
/// <param name="Nodes">All of them, on each piece.</param>
/// <param name="Sources">All of which a table is known, on each piece.</param>
internal sealed record RunningDocument(int SchemaVersion, [property: Passing] DateTimeOffset At, DateTimeOffset? LakeAwaySince, IReadOnlyList<string> Unrecorded, IReadOnlyList<NodeItem> Nodes, IReadOnlyList<SourceItem> Sources, IReadOnlyList<WorkItem> Items, string? Next)
{
    /// <summary>Nodes that report to nobody, as those of a release before, on each piece.</summary>
    public IReadOnlyList<SilentItem> Silent { get; init; } = [];
}

/// <param name="Node">Its host name and port.</param>
/// <param name="PlacesWork">It says which node reads what, and takes nothing from a drained one.</param>
internal sealed record SilentItem(string Node, bool PlacesWork)
{
    public static SilentItem Of(SilentNode node) => new(node.Node, node.PlacesWork);
}

/// <param name="Node">Its host name and port.</param>
/// <param name="Configuration">A fingerprint: nodes of one configuration have the same.</param>
/// <param name="IsHeld">It rests, because an operator wants it to.</param>
/// <param name="BufferBytes">Of records that are read and not committed.</param>
/// <param name="Away">Things that do not answer it.</param>
internal sealed record NodeItem(string Node, string Release, IReadOnlyList<string> Roles, DateTimeOffset StartedAt, [property: Passing] DateTimeOffset HeardAt, string Configuration, bool IsHeld, [property: Passing] long BufferBytes, IReadOnlyList<string> Away)
{
    public static NodeItem Of(NodeLine line) => new(line.Facts.Node, line.Facts.Release, line.Facts.Roles, line.Facts.StartedAt, line.HeardAt, line.Facts.Configuration, line.IsHeld, line.BufferBytes, line.Away);
}

/// <summary>A source, over its tables.</summary>
/// <param name="State">Of the worst table, as <see cref="WorkItem.State"/>.</param>
/// <param name="LagSeconds">Of the latest.</param>
/// <param name="Fault">Of the worst.</param>
internal sealed record SourceItem(string Source, string? Kind, int Tables, string State, [property: Passing] double? LagSeconds, [property: Passing] double? RowsPerSecond, WorkFault? Fault)
{
    public static SourceItem Of(RunningSource source) => new(source.Name, source.Kind, source.Tables, ApiCodes.Of(source.State), source.Lag?.TotalSeconds, source.RowsPerSecond, WorkFault.Of(source.Fault));
}

/// <summary>A table, as all nodes together see it.</summary>
/// <param name="State">The worst: <c>current</c>, <c>reading</c>, <c>starting</c>, <c>waiting</c>, <c>running</c>, <c>retrying</c>, <c>draining</c>, <c>paused</c>, <c>halted</c>.</param>
/// <param name="Since">When it came into that.</param>
/// <param name="RowsPerSecond">Over the last seconds; null: it is not known.</param>
/// <param name="Pending">Rows that are announced and not reflected.</param>
/// <param name="ReflectsUntil">The moment of its sources that it reflects; null: nobody knows.</param>
/// <param name="Nodes">Those that work on it.</param>
/// <param name="LagSeconds">How old what it reflects of its sources is; null: nobody knows.</param>
/// <param name="SlaSeconds">How old it may be.</param>
/// <param name="IsLate">It is older.</param>
/// <param name="Wait">What it waits for; null: it goes on.</param>
/// <param name="Runner">The node that executes a run of it, or has it executed; null: none goes on.</param>
/// <param name="Run">The run of it that goes on, or has failed and is tried again, as <c>silver/users#12</c>; null: none does.</param>
internal sealed record WorkItem(TableId Table, string State, DateTimeOffset Since, long? Version, long? Rows, [property: Passing] double? RowsPerSecond, long Pending, DateTimeOffset? LastAt, DateTimeOffset? ReflectsUntil, WorkFault? Fault, IReadOnlyList<string> Nodes,
    [property: Passing] double? LagSeconds, double SlaSeconds, bool IsLate, WaitItem? Wait, string? Run, string? Runner)
{
    public static WorkItem Of(RunningTable table)
    {
        var report = table.Line.Report;
        return new WorkItem(report.Table, ApiCodes.Of(report.State), report.Since, report.Version, report.Rows, report.RowsPerSecond, report.Pending, report.LastAt, report.ReflectsUntil, WorkFault.Of(report.Fault),
            [.. table.Line.Nodes.Keys.Order(StringComparer.Ordinal)], table.Lag?.TotalSeconds, table.Sla.TotalSeconds, table.IsLate, table.Wait is { } wait ? new WaitItem(ApiCodes.Of(wait.Cause), wait.Thing, wait.Why) : null, RunOf(report), report.Runner);
    }

    private static string? RunOf(TableReport report) => report.Running?.Id ?? (report is { FailedBefore: not null, Run: { } last } ? new ShowRunRequest(report.Table, last + 1).ToString() : null);
}

/// <param name="Cause"><c>wish</c>, <c>mend</c>, <c>away</c>, <c>input</c>, <c>schedule</c>, <c>turn</c>, <c>configuration</c>.</param>
/// <param name="Thing">What is waited for: a source, a server, a table; of a wish what it is about, of a schedule its times.</param>
/// <param name="Why">What is wrong with it, or what an operator said; null: nothing more is known.</param>
internal sealed record WaitItem(string Cause, string Thing, string? Why);

internal sealed record WorkFault(string Code, string Thing, string Cause, string NextStep)
{
    public static WorkFault? Of(ReportedFault? fault) => fault is null ? null : new WorkFault(ApiCodes.Of(fault.Kind), fault.Thing, fault.Cause, fault.NextStep);
}
