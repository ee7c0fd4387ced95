using System.Text.Json.Nodes;
using Pipeline.Core;
using Pipeline.Operations.Options;

namespace Pipeline.Operations.Alerting;

/// <param name="Body">As it should be.</param>
/// <param name="IsThere">Whether CloudWatch has one of this name.</param>
/// <param name="IsSame">Whether it is as it should be.</param>
/// <param name="Remarks">What CloudWatch has to say against what was put.</param>
public sealed record DashboardPlan(string Name, string Body, bool IsThere, bool IsSame, IReadOnlyList<string> Remarks);

/// <summary>The dashboard that a pipeline should have in CloudWatch.</summary>
public static class PutDashboard
{
    /// <summary>The body as it should be; asks nobody.</summary>
    /// <exception cref="PipelineException">No CloudWatch is configured.</exception>
    public static string Body(PipelineOptions options) => CloudWatchOf.Dashboard(options).Body();

    /// <summary>Compares it with what CloudWatch has, and makes it so when asked to.</summary>
    /// <exception cref="PipelineException">No CloudWatch is configured, it refuses or is away, or somebody else has a dashboard of this name: then nothing is put.</exception>
    public static async Task<DashboardPlan> RunAsync(PipelineOptions options, bool isPut, TimeProvider time, CancellationToken cancellationToken)
    {
        using var client = CloudWatchOf.Client(options, time);
        var dashboard = CloudWatchOf.Dashboard(options);
        var (body, found) = (dashboard.Body(), await client.DashboardAsync(dashboard.Name, cancellationToken));
        if (found is not null && !found.Contains(dashboard.Mark, StringComparison.Ordinal))
            throw new PipelineException(FaultKind.Invalid, $"Dashboard {dashboard.Name}", "it is there and was not made for this pipeline", "Delete or rename it if nobody needs it; else give this pipeline another name.");

        var isSame = found is not null && JsonNode.DeepEquals(JsonNode.Parse(found), JsonNode.Parse(body));
        var remarks = isPut && !isSame ? await client.PutDashboardAsync(dashboard.Name, body, cancellationToken) : [];
        return new DashboardPlan(dashboard.Name, body, found is not null, isSame, remarks);
    }
}
