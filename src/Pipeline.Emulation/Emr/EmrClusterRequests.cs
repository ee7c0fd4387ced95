using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Pipeline.Emulation.Emr;

/// <summary>Operations that start, list and end clusters.</summary>
/// <param name="stepOf">A step as a request describes it, its place there, and its cluster.</param>
internal sealed class EmrClusterRequests(EmrOptions options, EmrClusters clusters, EmrFaults faults, Func<JsonElement, int, EmrCluster, EmrStep> stepOf)
{
    private static readonly TimeSpan IdleMin = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan IdleMax = TimeSpan.FromDays(7);
    private static readonly string[] Units = ["InstanceFleetUnits", "Instances", "VCPU"];

    public JsonObject Run(JsonElement input)
    {
        var name = input.Required("Name", "name", EmrService.NameMax);
        var instances = input.Structure("Instances", "instances") ?? throw EmrError.Member(null, "instances", "Member must not be null");
        var concurrency = input.Number("StepConcurrencyLevel", "stepConcurrencyLevel") ?? 1;
        if (concurrency is < 1 or > 256) throw EmrError.Validation("StepConcurrencyLevel must be between 1 and 256.");
        CheckScaling(input.Structure("ManagedScalingPolicy", "managedScalingPolicy"));
        var cluster = new EmrCluster
        {
            Id = clusters.NewId("j-"),
            Name = name,
            State = ClusterState.Starting,
            Release = input.Optional("ReleaseLabel", "releaseLabel") ?? throw EmrError.Validation("The release label is required."),
            LogUri = input.Optional("LogUri", "logUri"),
            ServiceRole = input.Optional("ServiceRole", "serviceRole"),
            Applications = [.. (input.List("Applications", "applications") ?? []).Select(application => application.Required("Name", "applications.name"))],
            Tags = (input.List("Tags", "tags") ?? []).ToImmutableDictionary(tag => tag.Required("Key", "tags.key"), tag => tag.Optional("Value", "tags.value") ?? "", StringComparer.Ordinal),
            StepConcurrency = concurrency,
            EndsWithoutSteps = !(instances.Flag("KeepJobFlowAliveWhenNoSteps", "instances.keepJobFlowAliveWhenNoSteps") ?? false),
            IdleTimeout = IdleTimeoutOf(input.Structure("AutoTerminationPolicy", "autoTerminationPolicy")),
            CreatedAt = options.Time.GetUtcNow(),
            StartFailure = faults.TakeClusterFailure(),
        };
        if (instances.Number("InstanceCount", "instances.instanceCount") is < 1) throw EmrError.Validation("InstanceCount must be at least 1.");
        var steps = (input.List("Steps", "steps") ?? []).Select((config, index) => stepOf(config, index, cluster)).ToList();
        clusters.With(store =>
        {
            var number = store.Steps.Select(step => step.Number).DefaultIfEmpty(0).Max();
            clusters.Start(cluster);
            return steps.Select((step, index) => clusters.Add(step with { Number = number + index + 1 })).ToList();
        });
        return new JsonObject { ["JobFlowId"] = cluster.Id, ["ClusterArn"] = EmrAnswers.ArnOf(cluster, options) };
    }

    public JsonObject List(JsonElement input)
    {
        var states = input.Texts("ClusterStates", "clusterStates");
        if (states?.FirstOrDefault(state => !ClusterState.All.Contains(state)) is { } unknown)
            throw EmrError.Member(unknown, "clusterStates", $"Member must satisfy enum value set: [{string.Join(", ", ClusterState.All)}]");
        var (after, before) = (input.Moment("CreatedAfter", "createdAfter"), input.Moment("CreatedBefore", "createdBefore"));
        var marker = EmrMarker.Read(input.Optional("Marker", "marker"));
        return clusters.With(store =>
        {
            var now = options.Time.GetUtcNow();
            var page = store.Clusters.Where(cluster => cluster.Number < marker && cluster.CreatedAt + options.ClusterShowsAfter <= now && !(cluster.CreatedAt < after) && !(cluster.CreatedAt > before)
                    && (states is not { Count: > 0 } || states.Contains(cluster.State, StringComparer.Ordinal)))
                .OrderByDescending(cluster => cluster.Number).Take(EmrService.PageSize + 1).ToList();
            var answer = new JsonObject { ["Clusters"] = new JsonArray([.. page.Take(EmrService.PageSize).Select(cluster => EmrAnswers.ClusterSummary(cluster, options))]) };
            if (page.Count > EmrService.PageSize) answer["Marker"] = EmrMarker.Of(page[EmrService.PageSize - 1].Number);
            return answer;
        });
    }

    public JsonObject? Terminate(JsonElement input)
    {
        var ids = input.Texts("JobFlowIds", "jobFlowIds") ?? throw EmrError.Member(null, "jobFlowIds", "Member must not be null");
        if (ids.FirstOrDefault(id => clusters.With(store => store.Cluster(id)) is null) is not null) throw EmrError.Validation("Specified job flow ID does not exist.");
        foreach (var id in ids) clusters.Terminate(id, "USER_REQUEST", "Terminated by user request");
        return null;
    }

    private static TimeSpan? IdleTimeoutOf(JsonElement? policy)
    {
        if (policy?.Number("IdleTimeout", "autoTerminationPolicy.idleTimeout") is not { } seconds) return null;
        var idle = TimeSpan.FromSeconds(seconds);
        return idle >= IdleMin && idle <= IdleMax ? idle : throw EmrError.Validation($"The idle timeout must be between {IdleMin.TotalSeconds:0} and {IdleMax.TotalSeconds:0} seconds.");
    }

    private static void CheckScaling(JsonElement? policy)
    {
        if (policy is not { } scaling) return;
        var limits = scaling.Structure("ComputeLimits", "managedScalingPolicy.computeLimits") ?? throw EmrError.Validation("ComputeLimits are required in a managed scaling policy.");
        int Required(string member) => limits.Number(member, $"managedScalingPolicy.computeLimits.{char.ToLowerInvariant(member[0])}{member[1..]}") ?? throw EmrError.Member(null, $"managedScalingPolicy.computeLimits.{member}", "Member must not be null");
        if (limits.OneOf("UnitType", "managedScalingPolicy.computeLimits.unitType", Units) is null) throw EmrError.Member(null, "managedScalingPolicy.computeLimits.unitType", "Member must not be null");
        var (min, max) = (Required("MinimumCapacityUnits"), Required("MaximumCapacityUnits"));
        if (min < 1 || max < min) throw EmrError.Validation("MaximumCapacityUnits must not be less than MinimumCapacityUnits, which must be at least 1.");
    }
}
