using System.Globalization;
using System.Text.Json.Nodes;
using Pipeline.Emulation.Emr;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests;
using Pipeline.Testing;

namespace Pipeline.Demo.Tests.Session;

/// <summary>The whole demo with its lake in a bucket, which fails as buckets do.</summary>
public sealed class DemoOnS3Spec : IDisposable
{
    /// <summary>Of the demo's process with its sources; a lake that is away must not make it grow.</summary>
    private const long MemoryMax = 1_000L << 20;

    private const int RequestsAtOnceMax = 200;

    private readonly ScratchDirectory _root = new("pipeline-demo-s3-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static bool IsNightly => Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1";

    private string Servers => Path.Combine(_root, "servers");

    public void Dispose() => _root.Dispose();

    [Fact]
    public async Task With_a_fifth_of_its_requests_failing_and_every_one_refused_for_a_while_the_demo_balances_to_the_row_and_verifies()
    {
        var (moto, missing) = await MotoServer.TryStartAsync(Cancel);
        Assert.SkipWhen(moto is null, missing);
        await using var server = moto;
        await using var bucket = await FaultProxy.StartAsync(server.Url, Cancel);
        await using var role = await AssumedRole.StartAsync(server.Url, _root, Cancel);
        await MakeBucketAsync(server.Url);
        var seed = Environment.GetEnvironmentVariable("PIPELINE_SEED") is { } given ? int.Parse(given, CultureInfo.InvariantCulture) : 4711;
        var trouble = new AwsTrouble(seed, commitsBefore: 10) { IsExpired = role.IsExpired };
        bucket.Use(trouble.Next);
        string[] amount = IsNightly ? ["--once"] : ["--duration", "1s", "--rate", "20"];

        await using var demo = NodeProcess.StartIn(role.Environment, ["demo", .. amount, "--lake", "s3://lake/demo", "--servers", Servers, "--config", Configuration(bucket.Url), "-o", "json"]);
        var memory = WatchMemoryAsync(demo);
        await await Task.WhenAny(trouble.IsRefusing, demo.Ended);
        foreach (var (refusal, said) in AwsTrouble.Refusals)
        {
            trouble.Refuse(refusal);
            await demo.WaitForAsync(line => line.Contains(said, StringComparison.Ordinal));
        }

        await await Task.WhenAny(role.HasChanged, demo.Ended);
        trouble.Relent();
        var run = await demo.WaitForEndAsync();

        Assert.True(run.ExitCode == ExitCode.Done, $"seed {seed}\n{run.Messages}\n{run.Data}");
        var report = JsonNode.Parse(run.Data)!;
        Assert.True((bool)report["balanced"]! && (bool)report["verify"]!["is_sound"]!, run.Data);
        Assert.Contains("Look around: pipeline tables --config ", run.Messages, StringComparison.Ordinal);
        var most = await memory;
        TestContext.Current.TestOutputHelper!.WriteLine($"{bucket.Injected.Count} of {bucket.Requests.Count} requests failed, {role.Given} credentials, {most >> 20} MiB, {bucket.MostAtOnce} requests at once");
        if (!IsNightly) return;
        Assert.InRange(most, 0, MemoryMax);
        Assert.InRange(bucket.MostAtOnce, 1, RequestsAtOnceMax);
    }

    [Fact]
    public async Task Steps_of_the_emulated_EMR_read_and_write_the_bucket_itself()
    {
        var (moto, missing) = await MotoServer.TryStartAsync(Cancel);
        Assert.SkipWhen(moto is null, missing);
        await using var server = moto;
        await using var bucket = await FaultProxy.StartAsync(server.Url, Cancel);
        await MakeBucketAsync(server.Url);
        var hasRun = HasRunAsync("silver/users", bucket);
        var keys = new Dictionary<string, string>(StringComparer.Ordinal) { ["AWS_ACCESS_KEY_ID"] = "test", ["AWS_SECRET_ACCESS_KEY"] = "test" };
        var configuration = Configuration(bucket.Url, "demo-emr.conf", "transform { engine = duckdb, interval-min = 2s }, silver.users.engine = emr");

        await using var demo = NodeProcess.StartIn(keys, ["demo", "--engine", "emr", "--duration", "1s", "--rate", "20", "--lake", "s3://lake/demo", "--servers", Servers, "--config", configuration, "-o", "json"]);
        // By day the other tables are left to the demo above.
        if (!IsNightly)
        {
            await await Task.WhenAny(hasRun, demo.Ended);
            demo.Interrupt();
        }

        var run = await demo.WaitForEndAsync();

        Assert.True(run.ExitCode == (IsNightly ? ExitCode.Done : ExitCode.Interrupted), $"{run.Messages}\n{run.Data}");
        var report = JsonNode.Parse(run.Data)!;
        Assert.True((bool)report[IsNightly ? "balanced" : "is_interrupted"]! && (bool)report["verify"]!["is_sound"]!, run.Data);
        Assert.Contains(EmrLog.Read(Path.Combine(Servers, ".demo", "emr", "log.jsonl")), happened => happened is { What: "state", State: "COMPLETED", Step: not null });
    }

    /// <summary>Done when a run has written a table of Silver and is over.</summary>
    private static Task HasRunAsync(string table, FaultProxy bucket)
    {
        var hasRun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var isWritten = false;
        bucket.Use(request =>
        {
            isWritten |= request.IsConditional && request.Target.Contains($"/{table}/_delta_log/", StringComparison.Ordinal) && !request.Target.Contains($"{0:D20}", StringComparison.Ordinal);
            if (isWritten && request.Method == "DELETE" && request.Target.Contains($"/reading/{table}.json", StringComparison.Ordinal)) hasRun.TrySetResult();
            return null;
        });
        return hasRun.Task;
    }

    private static async Task MakeBucketAsync(Uri server)
    {
        using var http = new HttpClient();
        (await http.PutAsync(new Uri(server, "lake"), content: null, Cancel)).EnsureSuccessStatusCode();
    }

    /// <summary>The most memory that a process has had, once it has ended; 0 where the system does not say.</summary>
    private static async Task<long> WatchMemoryAsync(NodeProcess process)
    {
        const string Peak = "VmHWM:";
        var status = $"/proc/{process.Id}/status";
        var most = 0L;
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(200));
        while (!process.HasEnded && await timer.WaitForNextTickAsync(Cancel))
        {
            try
            {
                if (File.ReadLines(status).FirstOrDefault(line => line.StartsWith(Peak, StringComparison.Ordinal)) is { } line)
                    most = long.Parse(line[Peak.Length..].Replace("kB", "", StringComparison.Ordinal).Trim(), CultureInfo.InvariantCulture) << 10;
            }
            catch (IOException)
            {
                // It has ended, or there is no such file.
            }
        }

        return most;
    }

    /// <summary>The demo's, with a bucket, and with what was refused looked at again soon.</summary>
    private string Configuration(Uri bucket, string from = "demo.conf", string changes = "")
    {
        var hocon = Path.Combine(Repository.Root, "hocon");
        File.Copy(Path.Combine(hocon, "akka.conf"), Path.Combine(_root, "akka.conf"));
        var path = Path.Combine(_root, "s3.conf");
        File.WriteAllText(path, $$"""
            include "{{Path.Combine(hocon, from)}}"
            pipeline {
              lake.s3 { endpoint = "{{bucket}}", region = us-east-1, path-style = true, request-timeout = 10m, retry { backoff-min = 10ms, backoff-max = 200ms, attempts-max = 20, time-max = 15m } }
              ingest.retry { backoff-max = 1s, halted-min = 500ms, halted-max = 1s }
              # The stand-in answers some hundred requests a second: nobody asks again and again for what is announced.
              transform { interval-min = 10s, poll-interval = 30s, retry { backoff-max = 1s } }
              {{changes}}
            }
            """);
        return path;
    }
}
