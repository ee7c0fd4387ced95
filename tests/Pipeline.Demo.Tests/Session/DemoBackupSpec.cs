using System.Text.Json.Nodes;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests;
using Pipeline.Node.Tests.Cli;
using Pipeline.Testing;

namespace Pipeline.Demo.Tests.Session;

/// <summary>A lake that is lost is brought back from a bucket of backups, and its pipeline goes on with it.</summary>
public sealed class DemoBackupSpec : IDisposable
{
    private const string Place = "s3://backups/demo";

    private static readonly Dictionary<string, string> Credentials = new(StringComparer.Ordinal) { ["AWS_ACCESS_KEY_ID"] = "test", ["AWS_SECRET_ACCESS_KEY"] = "test" };

    private readonly ScratchDirectory _root = new("pipeline-demo-backup-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Lake => Path.Combine(_root, "lake");

    public void Dispose() => _root.Dispose();

    [Fact]
    public async Task A_lake_backed_up_while_it_runs_then_lost_is_restored_verified_and_goes_on_to_balance_to_the_row()
    {
        var (moto, missing) = await MotoServer.TryStartAsync(Cancel);
        Assert.SkipWhen(moto is null, missing);
        await using var bucket = moto;
        using var http = new HttpClient();
        (await http.PutAsync(new Uri(bucket.Url, "backups"), content: null, Cancel)).EnsureSuccessStatusCode();
        var configuration = Configuration(bucket.Url);
        long copied;
        await using (var demo = NodeProcess.Start("demo", "--duration", "4s", "--lake", Lake))
        {
            await demo.WaitForAsync(line => line.Contains("rows/s", StringComparison.Ordinal) && !line.Contains("Bronze 0 ", StringComparison.Ordinal));
            copied = await BackUpAsync();
            // From here on a source that is read again says the same: it is as it was left.
            await demo.WaitForAsync(line => line.StartsWith("All rows are generated", StringComparison.Ordinal));
            await BackUpAsync();
            await demo.KillAsync();
        }

        Assert.True(copied > 0);
        // Of what the demo keeps, its servers alone stay.
        var lost = Directory.CreateDirectory(Path.Combine(_root, "lost")).FullName;
        foreach (var directory in Directory.EnumerateDirectories(Lake).Where(path => Path.GetFileName(path) != ".demo").ToList()) Directory.Move(directory, Path.Combine(lost, Path.GetFileName(directory)));
        Assert.Contains("The lake is as it was at ", (await RunAsync(Lake, "restore", "--from", Place)).Messages, StringComparison.Ordinal);
        // The earlier one too is whole, though what it reads next would be another.
        if (Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1") await RunAsync(Path.Combine(_root, "earlier"), "restore", "--from", Place, "--backup", "1");

        await using var last = NodeProcess.Start("demo", "--once", "--resume", "--lake", Lake, "-o", "json");
        var run = await last.WaitForEndAsync();

        Assert.True(run.ExitCode == ExitCode.Done, $"{run.Messages}\n{run.Data}");
        var report = JsonNode.Parse(run.Data)!;
        Assert.True((bool)report["balanced"]! && (bool)report["verify"]!["is_sound"]!, run.Data);

        async Task<long> BackUpAsync() => (await RunAsync(Lake, "backup", "--to", Place, "-o", "json")).Rows.Sum(table => (long)table!["objects_copied"]!);

        async Task<NodeRun> RunAsync(string lake, params string[] args)
        {
            await using var verb = NodeProcess.StartIn(Credentials, [.. args, "--config", configuration, "--lake", lake]);
            var ended = await verb.WaitForEndAsync();
            Assert.True(ended.ExitCode == ExitCode.Done, $"{ended.Data}\n{ended.Messages}");
            return ended;
        }
    }

    /// <summary>The demo's, which reaches buckets at the emulation.</summary>
    private string Configuration(Uri bucket)
    {
        var hocon = Path.Combine(Repository.Root, "hocon");
        File.Copy(Path.Combine(hocon, "akka.conf"), Path.Combine(_root, "akka.conf"));
        var path = Path.Combine(_root, "backed-up.conf");
        File.WriteAllText(path, $$"""
            include "{{Path.Combine(hocon, "pipeline.conf")}}"
            pipeline.lake.s3 { endpoint = "{{bucket}}", region = us-east-1, path-style = true, request-timeout = 10m, retry.time-max = 15m }
            """);
        return path;
    }
}
