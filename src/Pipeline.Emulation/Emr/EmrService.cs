using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Nodes;
using Pipeline.Emulation.Emr.Serverless;

namespace Pipeline.Emulation.Emr;

/// <summary>
/// An EMR: its operations on clusters and steps, with its limits and its refusals, in this process. What a step does is
/// <see cref="EmrOptions.Work"/>.
/// </summary>
public sealed class EmrService : IAsyncDisposable
{
    internal const int PageSize = 50;
    private const int IdsMax = 10;
    private const int StepStringsMax = 10_240;
    private const int BatchMax = 256;
    internal const int NameMax = 256;

    private static readonly string[] Actions = ["TERMINATE_JOB_FLOW", "TERMINATE_CLUSTER", "CANCEL_AND_WAIT", "CONTINUE"];
    private static readonly string[] Cancellations = ["SEND_INTERRUPT", "TERMINATE_PROCESS"];

    private readonly EmrOptions _options;
    private readonly EmrStore _store;
    private readonly EmrClusters _clusters;
    private readonly EmrClusterRequests _requests;
    private readonly ServerlessJobs _jobs;

    public EmrService(EmrOptions options)
    {
        _options = options;
        _store = new EmrStore(options.StateFile);
        _clusters = new EmrClusters(options, _store);
        _requests = new EmrClusterRequests(options, _clusters, Faults, (config, index, cluster) => StepOf(config, index, cluster, role: null));
        _jobs = new ServerlessJobs(options, _store);
        Serverless = new ServerlessService(options, _jobs);
    }

    public EmrFaults Faults { get; } = new();

    public EmrLog Log => _options.Log;

    /// <summary>Ids of clusters that have not ended, the oldest first.</summary>
    public IReadOnlyList<string> LiveClusters =>
        _clusters.With<IReadOnlyList<string>>(store => [.. store.Clusters.Where(cluster => !cluster.HasEnded).OrderBy(cluster => cluster.CreatedAt).Select(cluster => cluster.Id)]);

    /// <summary>The id of the one application of EMR Serverless.</summary>
    public string Application => _options.Application;

    internal TimeProvider Time => _options.Time;

    internal ServerlessService Serverless { get; }

    /// <summary>A cluster as somebody made it beforehand: it stays when it has nothing to do.</summary>
    public string AddCluster(string name, int stepConcurrency = 1, string? logUri = null) => _clusters.Start(new EmrCluster
    {
        Id = _clusters.NewId("j-"),
        Name = name,
        State = ClusterState.Starting,
        Release = "emr-6.15.0",
        LogUri = logUri,
        Applications = ["Hadoop", "Spark"],
        StepConcurrency = stepConcurrency,
        CreatedAt = _options.Time.GetUtcNow(),
    }).Id;

    /// <summary>The name and state of each cluster that there was, in the order in which they were started.</summary>
    public IReadOnlyList<(string Id, string Name, string State)> Clusters =>
        _clusters.With<IReadOnlyList<(string, string, string)>>(store => [.. store.Clusters.Select(cluster => (cluster.Id, cluster.Name, cluster.State))]);

    /// <summary>Ends a cluster as a person or a failure of its machines does.</summary>
    public void TerminateCluster(string cluster, bool isFailure = false) =>
        _clusters.Terminate(cluster, isFailure ? "INSTANCE_FAILURE" : "USER_REQUEST", isFailure ? "The master node was terminated." : "Terminated by user request", isFailure);

    /// <summary>Says that a step writes, or has written its answer.</summary>
    public void Note(EmrWork work, string what) =>
        Log.Add(new EmrEvent { At = _options.Time.GetUtcNow(), What = what, Cluster = work.Cluster, Step = work.Step, Name = work.Name, Document = work.Argument("--sha256") });

    /// <summary>Ends when nobody has asked for so long and no step is active; never with zero.</summary>
    public async Task IdleAsync(TimeSpan span, CancellationToken cancellationToken)
    {
        if (span == TimeSpan.Zero) await Task.Delay(Timeout.InfiniteTimeSpan, _options.Time, cancellationToken);
        var since = _options.Time.GetUtcNow();
        while (_options.Time.GetUtcNow() - since < span)
        {
            await Task.Delay(span / 10, _options.Time, cancellationToken);
            if (_clusters.With(store => store.Steps.Any(step => step.IsActive)) || _jobs.With(store => store.Jobs.Any(job => !job.HasEnded))) since = _options.Time.GetUtcNow();
            else if (Log.Last is { } last && last > since) since = last;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _clusters.DisposeAsync();
        await _jobs.DisposeAsync();
        _store.Dispose();
    }

    /// <summary>Carries out one operation of the model; an empty answer is null.</summary>
    /// <exception cref="EmrError">It is refused.</exception>
    internal JsonObject? Act(string operation, JsonElement input) => operation switch
    {
        "AddJobFlowSteps" => AddSteps(input),
        "ListSteps" => ListSteps(input),
        "DescribeStep" => DescribeStep(input),
        "CancelSteps" => CancelSteps(input),
        "DescribeCluster" => EmrAnswers.Cluster(Cluster(input.Required("ClusterId", "clusterId")), _options),
        "RunJobFlow" => _requests.Run(input),
        "ListClusters" => _requests.List(input),
        "TerminateJobFlows" => _requests.Terminate(input),
        _ => throw new EmrError(400, "UnknownOperationException", $"The operation {operation} is not emulated."),
    };

    private JsonObject AddSteps(JsonElement input)
    {
        var id = input.Required("JobFlowId", "jobFlowId", NameMax);
        var configs = input.List("Steps", "steps") ?? throw EmrError.Member(null, "steps", "Member must not be null");
        var role = input.Optional("ExecutionRoleArn", "executionRoleArn", 2048);
        if (role is { Length: < 20 }) throw EmrError.Member(role, "executionRoleArn", "Member must have length greater than or equal to 20");
        if (configs.Count > BatchMax) throw EmrError.Validation($"The number of steps in a request must not exceed {BatchMax}.");
        return _clusters.With(store =>
        {
            var cluster = store.Cluster(id) ?? throw EmrError.Validation("Specified job flow ID does not exist.");
            if (!cluster.TakesSteps) throw EmrError.Validation("A job flow that is shutting down, terminated, or finished may not be modified.");
            var steps = configs.Select((config, index) => StepOf(config, index, cluster, role)).ToList();
            var active = store.Steps.Count(step => step.Cluster == id && step.IsActive);
            if (active + steps.Count > _options.ActiveStepsMax)
                throw EmrError.Validation("Maximum number of active steps(State = 'Running', 'Pending' or 'Cancel_Pending') for cluster exceeded.");
            var number = store.Steps.Select(step => step.Number).DefaultIfEmpty(0).Max();
            var added = steps.Select((step, index) => _clusters.Add(step with { Number = number + index + 1 })).ToList();
            return new JsonObject { ["StepIds"] = new JsonArray([.. added.Select(step => JsonValue.Create(step.Id))]) };
        });
    }

    private EmrStep StepOf(JsonElement config, int index, EmrCluster cluster, string? role)
    {
        var at = $"steps.{index + 1}.member";
        var jar = config.Structure("HadoopJarStep", $"{at}.hadoopJarStep") ?? throw EmrError.Member(null, $"{at}.hadoopJarStep", "Member must not be null");
        var properties = (jar.List("Properties", $"{at}.hadoopJarStep.properties") ?? [])
            .ToImmutableDictionary(pair => pair.Optional("Key", $"{at}.hadoopJarStep.properties.key") ?? "", pair => pair.Optional("Value", $"{at}.hadoopJarStep.properties.value") ?? "", StringComparer.Ordinal);
        var action = config.OneOf("ActionOnFailure", $"{at}.actionOnFailure", Actions) ?? "CONTINUE";
        var step = new EmrStep
        {
            Number = 0,
            Id = _clusters.NewId("s-"),
            Cluster = cluster.Id,
            Name = config.Required("Name", $"{at}.name", NameMax),
            Jar = jar.Required("Jar", $"{at}.hadoopJarStep.jar"),
            MainClass = jar.Optional("MainClass", $"{at}.hadoopJarStep.mainClass"),
            Args = [.. jar.Texts("Args", $"{at}.hadoopJarStep.args") ?? []],
            Properties = properties,
            ActionOnFailure = action,
            ExecutionRole = role,
            State = StepState.Pending,
            CreatedAt = _options.Time.GetUtcNow(),
        };
        if (cluster.StepConcurrency > 1 && action != "CONTINUE") throw EmrError.Validation($"ActionOnFailure {action} is not valid for a cluster with a StepConcurrencyLevel greater than 1.");
        var length = step.Jar.Length + (step.MainClass?.Length ?? 0) + step.Args.Sum(arg => arg.Length) + properties.Sum(pair => pair.Key.Length + pair.Value.Length);
        return length <= StepStringsMax ? step : throw EmrError.Validation($"Total length of strings of step '{step.Name}' exceeds the maximum of {StepStringsMax} characters.");
    }

    private JsonObject ListSteps(JsonElement input)
    {
        var cluster = Cluster(input.Required("ClusterId", "clusterId"));
        var ids = input.Texts("StepIds", "stepIds");
        var states = input.Texts("StepStates", "stepStates");
        if (ids?.Count > IdsMax) throw EmrError.InvalidRequest("InvalidInput", $"Cannot specify more than {IdsMax} step ids.");
        if (states?.FirstOrDefault(state => !StepState.All.Contains(state)) is { } unknown)
            throw EmrError.Member(unknown, "stepStates", $"Member must satisfy enum value set: [{string.Join(", ", StepState.All)}]");
        var marker = EmrMarker.Read(input.Optional("Marker", "marker"));
        return _clusters.With(store =>
        {
            var shown = store.Steps.Where(step => step.Cluster == cluster.Id && step.CreatedAt + _options.StepShowsAfter <= _options.Time.GetUtcNow());
            if (ids is { Count: > 0 })
            {
                shown = shown.Where(step => ids.Contains(step.Id, StringComparer.Ordinal)).ToList();
                if (ids.Except(shown.Select(step => step.Id), StringComparer.Ordinal).FirstOrDefault() is { } missing) throw EmrError.NoStep(missing);
            }

            if (states is { Count: > 0 }) shown = shown.Where(step => states.Contains(step.State, StringComparer.Ordinal));
            var page = shown.Reverse().Where(step => step.Number < marker).Take(PageSize + 1).ToList();
            var answer = new JsonObject { ["Steps"] = new JsonArray([.. page.Take(PageSize).Select(step => EmrAnswers.Step(step, isSummary: true))]) };
            if (page.Count > PageSize) answer["Marker"] = EmrMarker.Of(page[PageSize - 1].Number);
            return answer;
        });
    }

    private JsonObject DescribeStep(JsonElement input)
    {
        var cluster = Cluster(input.Required("ClusterId", "clusterId"));
        var id = input.Required("StepId", "stepId");
        var step = _clusters.With(store => store.Step(id));
        return new JsonObject { ["Step"] = EmrAnswers.Step(step?.Cluster == cluster.Id ? step : throw EmrError.NoStep(id), isSummary: false) };
    }

    private JsonObject CancelSteps(JsonElement input)
    {
        var cluster = Cluster(input.Required("ClusterId", "clusterId", NameMax));
        var ids = input.Texts("StepIds", "stepIds", NameMax) ?? throw EmrError.Member(null, "stepIds", "Member must not be null");
        input.OneOf("StepCancellationOption", "stepCancellationOption", Cancellations);
        if (ids.Count > BatchMax) throw EmrError.InvalidRequest("InvalidInput", $"Cannot cancel more than {BatchMax} steps at once.");
        if (cluster.State == ClusterState.Terminating || cluster.HasEnded) throw EmrError.InvalidRequest("InvalidClusterState", "Steps can only be cancelled while the cluster is running.");
        var infos = _clusters.With(store => ids.Select(id =>
        {
            var step = store.Step(id) is { } found && found.Cluster == cluster.Id ? found : throw EmrError.NoStep(id);
            if (!step.IsActive) return EmrAnswers.Cancellation(id, $"Cannot cancel the step, as it is {step.State}.");
            _clusters.Cancel(step);
            return EmrAnswers.Cancellation(id, refusal: null);
        }).ToList());
        return new JsonObject { ["CancelStepsInfoList"] = new JsonArray([.. infos]) };
    }

    private EmrCluster Cluster(string id) => _clusters.With(store => store.Cluster(id)) ?? throw EmrError.NoCluster(id);
}
