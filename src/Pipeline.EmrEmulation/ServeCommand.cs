using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Pipeline.Emulation.Emr;

namespace Pipeline.EmrEmulation;

/// <summary>Serves until it is told to end; killed at any moment, it goes on with what is in its directory.</summary>
internal sealed class ServeCommand : Command
{
    private readonly Option<DirectoryInfo> _state = new("--state") { Description = "The directory of its clusters, steps and log.", Required = true };
    private readonly Option<int> _port = new("--port") { Description = "0: a free one." };
    private readonly Option<string> _cluster = new("--cluster") { Description = "The name of a cluster that is there; an earlier one is found again.", DefaultValueFactory = _ => "pipeline" };
    private readonly Option<int> _concurrency = new("--step-concurrency") { Description = "Steps that the cluster runs at once.", DefaultValueFactory = _ => 2 };
    private readonly Option<int> _jobsMax = new("--jobs-max") { Description = "Job runs of the application that run at once; others are queued.", DefaultValueFactory = _ => 16 };
    private readonly Option<string?> _logs = new("--log-uri") { Description = "Where the cluster puts logs: a directory or s3://BUCKET/PREFIX." };
    private readonly Option<double> _startsAfter = Seconds("--step-starts-after", "From an accepted step to its start.");
    private readonly Option<double> _showsAfter = Seconds("--step-shows-after", "From an accepted step to its first appearance in a list.");
    private readonly Option<double> _cancelsAfter = Seconds("--cancels-after", "From a cancellation to when the step is told.");
    private readonly Option<double> _clusterStartsAfter = Seconds("--cluster-starts-after", "From STARTING to BOOTSTRAPPING, and as long to RUNNING.");
    private readonly Option<double> _logsAfter = Seconds("--logs-after", "From a step's end to its logs.");
    private readonly Option<double> _idleFor = Seconds("--ends-when-idle-for", "It ends when nobody has asked for so long and no step is active; 0: never.");
    private readonly S3Arguments _s3 = new();

    public ServeCommand() : base("serve", "Serves EMR and EMR Serverless on a port of the loopback interface. Its address, its cluster and its application are one line of JSON on standard output.")
    {
        foreach (var option in (Option[])[_state, _port, _cluster, _concurrency, _jobsMax, _logs, _startsAfter, _showsAfter, _cancelsAfter, _clusterStartsAfter, _logsAfter, _idleFor]) Options.Add(option);
        _s3.AddTo(this);
        SetAction(ServeAsync);
    }

    private static Option<double> Seconds(string name, string description) => new(name) { Description = $"{description} In seconds.", HelpName = "S" };

    private async Task<int> ServeAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        TimeSpan Of(Option<double> option) => TimeSpan.FromSeconds(parsed.GetValue(option));
        var state = parsed.GetRequiredValue(_state);
        state.Create();
        using var log = new EmrLog(Path.Combine(state.FullName, "log.jsonl"));
        EmrService? service = null;
        var work = new StepProcesses(state.FullName, _s3.Of(parsed), Of(_logsAfter), (step, what) => service!.Note(step, what), TimeProvider.System);
        await using var emr = service = new EmrService(new EmrOptions
        {
            Log = log,
            StateFile = Path.Combine(state.FullName, "state.jsonl"),
            StepStartsAfter = Of(_startsAfter),
            StepShowsAfter = Of(_showsAfter),
            CancelsAfter = Of(_cancelsAfter),
            ClusterStartsAfter = Of(_clusterStartsAfter),
            ServerlessJobsMax = parsed.GetValue(_jobsMax),
            Work = work.RunAsync,
            EndLeftOver = StepProcesses.EndLeftOver,
        });
        var cluster = emr.LiveClusters.FirstOrDefault() ?? emr.AddCluster(parsed.GetValue(_cluster)!, parsed.GetValue(_concurrency), parsed.GetValue(_logs));
        await using var server = await EmrServer.StartAsync(emr, parsed.GetValue(_port), cancellationToken);
        Announce(state.FullName, server.Url, cluster, emr.Application);

        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal => End(signal, ended));
        using var interrupted = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal => End(signal, ended));
        await Task.WhenAny(ended.Task, emr.IdleAsync(Of(_idleFor), cancellationToken));
        return 0;
    }

    private static void End(PosixSignalContext signal, TaskCompletionSource ended)
    {
        signal.Cancel = true;
        ended.TrySetResult();
    }

    /// <summary>On standard output, and in a file for whoever did not start it.</summary>
    private static void Announce(string directory, Uri url, string cluster, string application)
    {
        var line = JsonSerializer.Serialize(new { url, cluster, application, process = Environment.ProcessId.ToString(CultureInfo.InvariantCulture) });
        var file = Path.Combine(directory, "server.json");
        File.WriteAllText(file + ".new", line);
        File.Move(file + ".new", file, overwrite: true);
        Console.WriteLine(line);
    }
}
