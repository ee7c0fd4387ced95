using Pipeline.Transform.Coordination.Freshness;

namespace Pipeline.Node.Http.Api.Documents;

/// <summary>What was said to be wrong.</summary>
/// <param name="At">When it was first said.</param>
/// <param name="EndedAt">When it was over; null: it is not.</param>
/// <param name="Code">Its kind.</param>
internal sealed record FaultItem(DateTimeOffset At, DateTimeOffset? EndedAt, string Code, string Thing, string Cause, string NextStep)
{
    public static FaultItem? Of(ToldFault? fault) => fault is null ? null : new(fault.At, fault.EndedAt, ApiCodes.Of(fault.Kind), fault.Thing, fault.Cause, fault.NextStep);
}
