using System.Text.Json.Nodes;

namespace Pipeline.Emulation.Emr;

/// <summary>Clusters and steps as EMR's answers show them.</summary>
internal static class EmrAnswers
{
    public static JsonObject Step(EmrStep step, bool isSummary)
    {
        var status = new JsonObject
        {
            ["State"] = step.State,
            ["StateChangeReason"] = new JsonObject(),
            ["Timeline"] = Timeline(("CreationDateTime", step.CreatedAt), ("StartDateTime", step.StartedAt), ("EndDateTime", step.EndedAt)),
        };
        if (step.FailureReason is not null)
        {
            var details = new JsonObject { ["Reason"] = step.FailureReason };
            if (step.FailureMessage is not null) details["Message"] = step.FailureMessage;
            if (step.LogFile is not null) details["LogFile"] = step.LogFile;
            status["FailureDetails"] = details;
        }

        var config = new JsonObject
        {
            ["Jar"] = step.Jar,
            ["Properties"] = new JsonObject(step.Properties.Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)JsonValue.Create(pair.Value)))),
            ["Args"] = new JsonArray([.. step.Args.Select(arg => JsonValue.Create(arg))]),
        };
        if (step.MainClass is not null) config["MainClass"] = step.MainClass;
        var answer = new JsonObject { ["Id"] = step.Id, ["Name"] = step.Name, ["Config"] = config, ["ActionOnFailure"] = step.ActionOnFailure, ["Status"] = status };
        if (!isSummary && step.ExecutionRole is not null) answer["ExecutionRoleArn"] = step.ExecutionRole;
        return answer;
    }

    public static JsonObject Cluster(EmrCluster cluster, EmrOptions options)
    {
        var answer = new JsonObject
        {
            ["Id"] = cluster.Id,
            ["Name"] = cluster.Name,
            ["ClusterArn"] = ArnOf(cluster, options),
            ["Status"] = Status(cluster),
            ["Applications"] = new JsonArray([.. cluster.Applications.Select(name => new JsonObject { ["Name"] = name })]),
            ["AutoTerminate"] = cluster.EndsWithoutSteps,
            ["TerminationProtected"] = false,
            ["VisibleToAllUsers"] = true,
            ["StepConcurrencyLevel"] = cluster.StepConcurrency,
            ["Tags"] = new JsonArray([.. cluster.Tags.Select(tag => new JsonObject { ["Key"] = tag.Key, ["Value"] = tag.Value })]),
        };
        if (cluster.Release is not null) answer["ReleaseLabel"] = cluster.Release;
        if (cluster.LogUri is not null) answer["LogUri"] = cluster.LogUri;
        if (cluster.ServiceRole is not null) answer["ServiceRole"] = cluster.ServiceRole;
        return new JsonObject { ["Cluster"] = answer };
    }

    public static JsonObject ClusterSummary(EmrCluster cluster, EmrOptions options) => new()
    {
        ["Id"] = cluster.Id,
        ["Name"] = cluster.Name,
        ["Status"] = Status(cluster),
        ["NormalizedInstanceHours"] = 0,
        ["ClusterArn"] = ArnOf(cluster, options),
    };

    public static JsonObject Cancellation(string step, string? refusal)
    {
        var answer = new JsonObject { ["StepId"] = step, ["Status"] = refusal is null ? "SUBMITTED" : "FAILED" };
        if (refusal is not null) answer["Reason"] = refusal;
        return answer;
    }

    public static string ArnOf(EmrCluster cluster, EmrOptions options) => $"arn:aws:elasticmapreduce:{options.Region}:{options.Account}:cluster/{cluster.Id}";

    private static JsonObject Status(EmrCluster cluster)
    {
        var change = new JsonObject();
        if (cluster.ChangeCode is not null) change["Code"] = cluster.ChangeCode;
        if (cluster.Change is not null) change["Message"] = cluster.Change;
        return new JsonObject
        {
            ["State"] = cluster.State,
            ["StateChangeReason"] = change,
            ["Timeline"] = Timeline(("CreationDateTime", cluster.CreatedAt), ("ReadyDateTime", cluster.ReadyAt), ("EndDateTime", cluster.EndedAt)),
        };
    }

    /// <summary>Moments are seconds since 1970.</summary>
    private static JsonObject Timeline(params ReadOnlySpan<(string Name, DateTimeOffset? At)> moments)
    {
        var timeline = new JsonObject();
        foreach (var (name, at) in moments)
            if (at is { } moment) timeline[name] = moment.ToUnixTimeMilliseconds() / 1000.0;
        return timeline;
    }
}
