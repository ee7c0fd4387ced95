using Pipeline.Core;
using Pipeline.Node.Http.Api;

namespace Pipeline.Node.Http.Events;

/// <summary>An event as it is told.</summary>
/// <param name="Id">Of this node, and rising; another node, or this one started again, has others.</param>
/// <param name="Kind"><c>committed</c>, <c>advanced</c>, <c>halted</c>, <c>retried</c>, <c>resumed</c>.</param>
/// <param name="Code">The kind of what is wrong.</param>
internal sealed record EventItem(string Id, string Kind, DateTimeOffset At, TableId Table, long? Version, long? Rows, string? Code, string? Thing, string? Cause, string? NextStep)
{
    public static EventItem Of(string id, NodeEvent happened) => new(id, ApiCodes.Of(happened.Kind), happened.At, happened.Table, happened.Version, happened.Rows,
        happened.Fault is { } fault ? ApiCodes.Of(fault.Kind) : null, happened.Fault?.Thing, happened.Fault?.Cause, happened.Fault?.NextStep);
}
