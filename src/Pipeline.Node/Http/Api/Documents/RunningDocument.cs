using Pipeline.Core;
using Pipeline.Operations.Control;

namespace Pipeline.Node.Http.Api.Documents;

/// <param name="LakeAwaySince">Since when the record of what operators want cannot be read; null: it can.</param>
/// <param name="Unrecorded">Ids of wishes that act and are not recorded yet.</param>
/// <param name="Nodes">All of them, on each piece.</param>
internal sealed record RunningDocument(int SchemaVersion, [property: Passing] DateTimeOffset At, DateTimeOffset? LakeAwaySince, IReadOnlyList<string> Unrecorded, IReadOnlyList<NodeItem> Nodes, IReadOnlyList<WorkItem> Items, string? Next);

/// <param name="Node">Its host name and port.</param>
/// <param name="Configuration">A fingerprint: nodes of one configuration have the same.</param>
/// <param name="IsHeld">It rests, because an operator wants it to.</param>
/// <param name="BufferBytes">Of records that are read and not committed.</param>
/// <param name="Away">Things that do not answer it.</param>
internal sealed record NodeItem(string Node, string Release, IReadOnlyList<string> Roles, DateTimeOffset StartedAt, [property: Passing] DateTimeOffset HeardAt, string Configuration, bool IsHeld, [property: Passing] long BufferBytes, IReadOnlyList<string> Away)
{
    public static NodeItem Of(NodeLine line) => new(line.Facts.Node, line.Facts.Release, line.Facts.Roles, line.Facts.StartedAt, line.HeardAt, line.Facts.Configuration, line.IsHeld, line.BufferBytes, line.Away);
}

/// <summary>A table, as all nodes together see it.</summary>
/// <param name="State">The worst: <c>current</c>, <c>reading</c>, <c>starting</c>, <c>waiting</c>, <c>running</c>, <c>retrying</c>, <c>draining</c>, <c>paused</c>, <c>halted</c>.</param>
/// <param name="Since">When it came into that.</param>
/// <param name="RowsPerSecond">Over the last seconds; null: it is not known.</param>
/// <param name="Pending">Rows that are announced and not reflected.</param>
/// <param name="ReflectsUntil">The moment of its sources that it reflects; null: nobody knows.</param>
/// <param name="Nodes">Those that work on it.</param>
internal sealed record WorkItem(TableId Table, string State, DateTimeOffset Since, long? Version, long? Rows, [property: Passing] double? RowsPerSecond, long Pending, DateTimeOffset? LastAt, DateTimeOffset? ReflectsUntil, WorkFault? Fault, IReadOnlyList<string> Nodes)
{
    public static WorkItem Of(TableLine line) => new(line.Table, ApiCodes.Of(line.Report.State), line.Report.Since, line.Report.Version, line.Report.Rows, line.Report.RowsPerSecond, line.Report.Pending, line.Report.LastAt, line.Report.ReflectsUntil,
        line.Report.Fault is { } fault ? new WorkFault(ApiCodes.Of(fault.Kind), fault.Thing, fault.Cause, fault.NextStep) : null, [.. line.Nodes.Keys.Order(StringComparer.Ordinal)]);
}

internal sealed record WorkFault(string Code, string Thing, string Cause, string NextStep);
