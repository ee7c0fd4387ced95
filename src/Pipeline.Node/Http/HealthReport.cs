using Pipeline.Core;

namespace Pipeline.Node.Http;

/// <summary>Something that must be well, and why it is not.</summary>
/// <param name="Reasons">Empty: it is well.</param>
internal sealed record HealthCheck(string Name, IReadOnlyList<HealthReason> Reasons)
{
    public bool IsWell => Reasons.Count == 0;
}

/// <param name="Lasts">Since it was first seen; null: nobody knows.</param>
internal sealed record HealthReason(Fault Fault, TimeSpan? Lasts = null);

/// <summary>How a node is.</summary>
internal sealed record HealthReport(IReadOnlyList<HealthCheck> Checks)
{
    public bool IsWell => Checks.All(check => check.IsWell);
}
