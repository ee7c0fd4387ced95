using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Pipeline.Emulation.Emr;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests;
using Pipeline.Node.Tests.Cli;
using Pipeline.Telemetry.Tests.Otlp;
using Pipeline.Testing;

namespace Pipeline.Demo.Tests.Emr;

/// <summary>The demo whose runs an emulated EMR executes, as processes that are killed while they are at something.</summary>
public sealed class DemoOnEmrSpec : IDisposable
{
    /// <summary>For whatever is waited for: generous, because a loaded machine is no failure.</summary>
    private static readonly TimeSpan Deadline = Deadlines.Test;

    private readonly ScratchDirectory _root = new("pipeline-demo-");

    private string Lake => Path.Combine(_root, "lake");

    private string State => Path.Combine(Lake, ".demo", "emr");

    private string Log => Path.Combine(State, "log.jsonl");

    public void Dispose()
    {
        // It outlives a demo that was killed.
        if (TryFindEmulation() is { } left)
        {
            using (left) left.Kill();
        }

        _root.Dispose();
    }

    [Theory]
    [InlineData("emr")]
    public async Task Killed_while_it_executes_a_run_the_emulation_is_there_again_and_the_demo_balances(string engine)
    {
        // A table that is read by others, one that reads others, one that is large: the whole is run at night.
        var config = Config(engine, $$"""
            pipeline {
              transform { engine = duckdb, interval-min = 2s }
              silver.users.engine = {{engine}}
              gold { fact_sales.engine = {{engine}}, kpi_daily.engine = {{engine}} }
            }
            """);
        await using var demo = NodeProcess.Start("demo", "--engine", engine, "--once", "--lake", Lake, "--config", config, "-o", "json");
        await UntilAsync(IsExecuting(0), demo);

        await KillEmulationAsync();
        var run = await demo.WaitForEndAsync();

        await ExpectBalancedAsync(run);
        foreach (var table in (string[])["silver/users", "gold/fact_sales", "gold/kpi_daily"]) await ExpectExecutedByAsync(engine, table);
        await ExpectExecutedByAsync("duckdb", "gold/dim_date");
    }

    [Theory]
    [InlineData("emr")]
    [InlineData("emr-serverless")]
    public async Task Node_and_emulation_each_killed_twice_the_demo_balances_to_the_row_and_verifies(string engine)
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1", "All twenty-two tables and four kills take minutes: PIPELINE_NIGHTLY=1.");
        var executed = 0;
        for (var kills = 0; kills < 2; kills++)
        {
            await using var demo = NodeProcess.Start(["demo", "--engine", engine, "--once", "--lake", Lake, .. kills == 0 ? Array.Empty<string>() : ["--resume"]]);
            await UntilAsync(IsExecuting(executed), demo);
            await KillEmulationAsync();
            executed = Events().Count(IsBegun);
            await UntilAsync(IsExecuting(executed), demo);
            await demo.KillAsync();
            executed = Events().Count(IsBegun);
            await ExpectPlannedForAsync(engine);
        }

        await using var last = NodeProcess.Start("demo", "--engine", engine, "--once", "--resume", "--lake", Lake, "-o", "json");
        var run = await last.WaitForEndAsync();

        await ExpectBalancedAsync(run);
        foreach (var table in (string[])["silver/users", "silver/user_events", "gold/dim_date", "gold/kpi_daily"]) await ExpectExecutedByAsync(engine, table);
    }

    [Fact]
    public async Task Measured_all_the_while_and_killed_twice_it_balances_to_the_row_and_each_life_is_measured()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1", "All twenty-two tables and two kills take minutes: PIPELINE_NIGHTLY=1.");
        await using var receiver = await ScriptedReceiver.StartAsync();
        var config = Config("emr", $$"""
            pipeline.telemetry {
              interval = 2s
              otlp { endpoint = "{{receiver.Url}}" }
              spool.location = "{{Path.Combine(_root, "spool")}}"
            }
            """);
        var executed = 0;
        for (var kills = 0; kills < 2; kills++)
        {
            await using var demo = NodeProcess.Start(["demo", "--engine", "emr", "--once", "--lake", Lake, "--config", config, .. kills == 0 ? Array.Empty<string>() : ["--resume"]]);
            var (posts, begun) = (receiver.Sent.Count, executed);
            await UntilAsync(() => IsExecuting(begun)() && receiver.Sent.Count > posts, demo);
            await demo.KillAsync();
            executed = Events().Count(IsBegun);
        }

        var before = receiver.Sent.Count;
        await using var last = NodeProcess.Start("demo", "--engine", "emr", "--once", "--resume", "--lake", Lake, "--config", config, "-o", "json");
        var run = await last.WaitForEndAsync();

        await ExpectBalancedAsync(run);
        Assert.True(receiver.Sent.Count > before, $"{receiver.Sent.Count} requests, {before} of them before the last life");
        var heard = receiver.Sent.Select(request => Encoding.Latin1.GetString(request.Message())).ToList();
        Assert.All((string[])["pipeline.job.state", "pipeline.table.quality"], name => Assert.Contains(heard, message => message.Contains(name, StringComparison.Ordinal)));
        foreach (var table in (string[])["silver/users", "gold/kpi_daily"]) await ExpectExecutedByAsync("emr", table);
    }

    private static bool IsBegun(EmrEvent happened) => happened is { What: "state", State: "RUNNING", Step: not null };

    /// <summary>More executions have begun than before, and one of them goes on.</summary>
    private Func<bool> IsExecuting(int before) => () =>
    {
        var events = Events();
        return events.Count(IsBegun) > before && events.Where(happened => happened is { What: "state", Step: not null }).GroupBy(happened => happened.Step).Any(step => IsBegun(step.Last()));
    };

    private IReadOnlyList<EmrEvent> Events() => EmrLog.Read(Log);

    /// <summary>As <c>kill -9</c>, by its id.</summary>
    private async Task KillEmulationAsync()
    {
        using var process = TryFindEmulation();
        Assert.NotNull(process);
        process.Kill();
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
    }

    private Process? TryFindEmulation()
    {
        var file = Path.Combine(State, "server.json");
        if (!File.Exists(file)) return null;
        var id = (string)JsonNode.Parse(File.ReadAllText(file))!["process"]!;
        var arguments = Path.Combine("/proc", id, "cmdline");
        return File.Exists(arguments) && File.ReadAllText(arguments).Split('\0').Contains(State, StringComparer.Ordinal) ? Process.GetProcessById(int.Parse(id, CultureInfo.InvariantCulture)) : null;
    }

    /// <summary>What the emulation has done stands in its log, which nobody announces.</summary>
    private static async Task UntilAsync(Func<bool> isSo, NodeProcess demo)
    {
        using var look = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(Deadline);
        while (!isSo())
        {
            Assert.False(demo.HasEnded, $"The demo ended first. It said:\n{demo.Messages}");
            await look.WaitForNextTickAsync(deadline.Token);
        }
    }

    /// <summary>A configuration of the demo's with something else in it.</summary>
    private string Config(string engine, string changes)
    {
        var hocon = Path.Combine(Repository.Root, "hocon");
        File.Copy(Path.Combine(hocon, "akka.conf"), Path.Combine(_root, "akka.conf"));
        var path = Path.Combine(_root, "changed.conf");
        File.WriteAllText(path, $"include \"{Path.Combine(hocon, $"demo-{engine}.conf")}\"\n{changes}\n");
        return path;
    }

    private async Task ExpectBalancedAsync(NodeRun run)
    {
        Assert.True(run.ExitCode == ExitCode.Done, $"{run.Messages}\n{run.Data}");
        Assert.True((bool)JsonNode.Parse(run.Data)!["balanced"]!, run.Data);
        var verified = await NodeRun.OfAsync("verify", "--lake", Lake, "--config", Path.Combine(Repository.Root, "hocon", "pipeline.conf"), "-o", "json");
        Assert.True(verified.ExitCode == ExitCode.Done, verified.Data);
        TestContext.Current.TestOutputHelper!.WriteLine(run.Messages);
    }

    /// <summary>Its sources are gone with it; what its lake has to do is known without them.</summary>
    private async Task ExpectPlannedForAsync(string engine)
    {
        var plan = await NodeRun.OfAsync("plan", "--lake", Lake, "--config", Path.Combine(Repository.Root, "hocon", $"demo-{engine}.conf"), "-o", "json");
        var engines = plan.Rows.Select(table => (string?)table!["engine"]).OfType<string>().ToHashSet(StringComparer.Ordinal);
        Assert.True(engines.SetEquals([engine]), plan.Data);
    }

    private async Task ExpectExecutedByAsync(string engine, string table)
    {
        var history = await NodeRun.OfAsync("history", table, "--lake", Lake, "-o", "json");
        var engines = history.Rows.Select(commit => (string?)commit!["engine"]).OfType<string>().ToHashSet(StringComparer.Ordinal);
        Assert.True(engines.SetEquals([engine]), $"{table}: {history.Data}");
    }
}
