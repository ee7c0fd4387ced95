using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Delta.Storage;
using Pipeline.Emulation;

namespace Pipeline.Demo.Emr;

/// <summary>
/// The emulated EMR that the demo's runs go to: a process of its own, which like a cluster outlives whoever uses it. A demo that is
/// continued finds the one before; one that was killed is started again at the same port, with all that it knew.
/// </summary>
internal sealed class EmulatedEmr : IAsyncDisposable
{
    private const string Program = "pipeline-emr.dll";
    private const string Announcement = "server.json";

    /// <summary>What a demo that was killed leaves behind ends by itself after so many seconds without a question.</summary>
    private const int IdleSeconds = 180;

    /// <summary>Interrupts are the demo's: it drains while its cluster goes on.</summary>
    private const string Shell = """trap "" INT; log=$1; shift; exec "$@" 2>>"$log" """;

    /// <summary>Steps: each is a process, and the machine is the cluster.</summary>
    private static readonly int AtOnce = Math.Max(2, System.Environment.ProcessorCount);

    private static readonly TimeSpan ReachMax = TimeSpan.FromSeconds(5);
    private static readonly RetryPolicy Restarting = new() { BackoffMin = TimeSpan.FromMilliseconds(200), BackoffMax = TimeSpan.FromSeconds(5) };

    private readonly string _state;
    private readonly S3Options? _s3;
    private readonly ILogger _log;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stopping = new();
    private Process _process;
    private Task _supervision = Task.CompletedTask;

    private EmulatedEmr(string state, S3Options? s3, Process process, Announced announced, ILogger log, TimeProvider time)
    {
        (_state, _s3, _process, _log, _time) = (state, s3, process, log, time);
        Environment = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["DEMO_EMR_URL"] = announced.Url.ToString(),
            ["DEMO_EMR_CLUSTER"] = announced.Cluster,
            ["DEMO_EMR_APPLICATION"] = announced.Application,
        };
        Url = announced.Url;
    }

    /// <summary>The environment variables with which <c>hocon/demo-*.conf</c> leads to it.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; }

    private Uri Url { get; }

    /// <param name="directory">The demo's own: it keeps all that it knows below.</param>
    /// <param name="s3">How its steps reach the bucket with the lake; null: it is in a directory.</param>
    /// <exception cref="PipelineException">It does not start.</exception>
    public static async Task<EmulatedEmr> StartAsync(string directory, S3Options? s3, ILoggerFactory logs, TimeProvider time, CancellationToken cancellationToken)
    {
        var state = Directory.CreateDirectory(Path.Combine(directory, "emr")).FullName;
        var (process, announced) = await FindAsync(state, s3, cancellationToken) ?? await StartProcessAsync(state, s3, ServerPort.Free(), cancellationToken);
        var emulation = new EmulatedEmr(state, s3, process, announced, logs.CreateLogger<EmulatedEmr>(), time);
        emulation._supervision = Background.FailureAsync(emulation.SuperviseAsync, emulation._stopping.Token);
        return emulation;
    }

    /// <summary>Keys of nobody: the emulation looks whether a request is signed, and shall not be shown whoever's this process has.</summary>
    public static void TakeMadeUpCredentials()
    {
        foreach (var name in (string[])["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"]) System.Environment.SetEnvironmentVariable(name, null);
        System.Environment.SetEnvironmentVariable("AWS_ACCESS_KEY_ID", "AKIAEMULATED");
        System.Environment.SetEnvironmentVariable("AWS_SECRET_ACCESS_KEY", "emulated");
    }

    /// <summary>Ends it, with what it is at: it is a failed step when the demo is continued.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _supervision;
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync(CancellationToken.None);
        _process.Dispose();
        _stopping.Dispose();
    }

    private async ValueTask SuperviseAsync(CancellationToken stopping)
    {
        while (true)
        {
            await _process.WaitForExitAsync(stopping);
            _process.Dispose();
            var (process, _) = await Restarting.RunAsync(_time, cancel => new ValueTask<(Process, Announced)>(StartProcessAsync(_state, _s3, Url.Port, cancel)), stopping);
            _process = process;
            _log.StartedAgain(Url, process.Id);
        }
    }

    private static async Task<(Process Process, Announced Announced)> StartProcessAsync(string state, S3Options? s3, int port, CancellationToken cancellationToken)
    {
        var (runtime, log) = (System.Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet", Path.Combine(state, "server.log"));
        var process = Process.Start(new ProcessStartInfo("/bin/sh",
        [
            "-c", Shell, "sh", log, runtime, Path.Combine(AppContext.BaseDirectory, Program), "serve", "--state", state, "--port", Text(port),
            "--log-uri", Path.Combine(state, "logs"), "--ends-when-idle-for", Text(IdleSeconds),
            "--step-concurrency", Text(AtOnce), "--jobs-max", Text(AtOnce), .. ArgumentsOf(s3),
        ]) { UseShellExecute = false, RedirectStandardOutput = true })!;
        try
        {
            var line = await process.StandardOutput.ReadLineAsync(cancellationToken)
                ?? throw new PipelineException(FaultKind.Unreachable, "The emulated EMR", "it has ended while it started", $"Look into {log}.");
            return (process, Announced.Read(line));
        }
        catch
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
            process.Dispose();
            throw;
        }
    }

    internal static IEnumerable<string> ArgumentsOf(S3Options? s3)
    {
        if (s3 is null) return [];
        return ["--s3-region", s3.Region, .. s3.Endpoint is { } endpoint ? ["--s3-endpoint", endpoint.ToString()] : Array.Empty<string>(), .. s3.PathStyle ? ["--s3-path-style"] : Array.Empty<string>()];
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    /// <summary>The one that a demo before has left in this directory; null: it has ended, or reaches its buckets otherwise and is ended here.</summary>
    private static async Task<(Process Process, Announced Announced)?> FindAsync(string state, S3Options? s3, CancellationToken cancellationToken)
    {
        var file = Path.Combine(state, Announcement);
        if (!File.Exists(file)) return null;
        var announced = Announced.Read(await File.ReadAllTextAsync(file, cancellationToken));
        if (CommandOf(announced.Process) is not { } command || !IsServing(command, state)) return null;
        try
        {
            var process = Process.GetProcessById(announced.Process);
            if (IsTold(command, s3) && await IsReachedAsync(announced.Url, cancellationToken)) return (process, announced);
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(cancellationToken);
            return null;
        }
        catch (ArgumentException)
        {
            // It has ended meanwhile.
            return null;
        }
    }

    /// <summary>Whether the process is one on this directory: ids are used again.</summary>
    private static bool IsServing(IReadOnlyList<string> command, string state) => command.Contains("serve", StringComparer.Ordinal) && command.Contains(state, StringComparer.Ordinal);

    /// <summary>Whether it was started to reach buckets so; what says it stands last.</summary>
    internal static bool IsTold(IReadOnlyList<string> command, S3Options? s3) => command.SkipWhile(argument => !argument.StartsWith("--s3-", StringComparison.Ordinal)).SequenceEqual(ArgumentsOf(s3), StringComparer.Ordinal);

    /// <summary>What a process was started with; null: it has ended.</summary>
    private static string[]? CommandOf(int process)
    {
        try
        {
            return File.ReadAllText($"/proc/{Text(process)}/cmdline").TrimEnd('\0').Split('\0');
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static async Task<bool> IsReachedAsync(Uri url, CancellationToken cancellationToken)
    {
        using var client = new TcpClient();
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(ReachMax);
        try
        {
            await client.ConnectAsync(url.Host, url.Port, deadline.Token);
            return true;
        }
        catch (Exception e) when (e is SocketException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return false;
        }
    }

    /// <summary>What it says of itself when it serves.</summary>
    private sealed record Announced(Uri Url, string Cluster, string Application, int Process)
    {
        private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web) { NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowReadingFromString };

        public static Announced Read(string json) => JsonSerializer.Deserialize<Announced>(json, Options)!;
    }
}
