using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Pipeline.Core.Metrics;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests;
using Pipeline.Node.Tests.Cli;
using Pipeline.Testing;
using Pipeline.Testing.Interpreter;

namespace Pipeline.Demo.Tests.Session;

/// <summary>The README's first command, as processes: to the end, interrupted, killed and resumed.</summary>
public sealed class DemoProcessSpec(DemoProcessSpec.OnceDemo once) : IDisposable, IClassFixture<DemoProcessSpec.OnceDemo>
{
    private readonly ScratchDirectory _root = new("pipeline-demo-");

    private string Lake => Path.Combine(_root, "lake");

    public void Dispose() => _root.Dispose();

    [Fact]
    public async Task Once_fills_every_table_balances_to_the_row_and_measures_what_the_list_of_instruments_says()
    {
        Assert.True(once.Run.ExitCode == ExitCode.Done, once.Run.Messages);
        var report = ExpectBalanced(once.Run);
        var tables = report["tables"]!.AsArray();
        Assert.Equal(11, tables.Count);
        Assert.All(tables, table => Assert.True((long)table!["generated"]! > 0 && (long)table["bronze"]!["found"]! > 0 && (long)table["silver"]!["found"]! > 0, table.ToJsonString()));
        var gold = report["gold"]!.AsArray();
        Assert.Equal(11, gold.Count);
        Assert.All(gold, table => Assert.True((long)table!["rows"]!["found"]! > 0, table.ToJsonString()));
        Assert.NotEmpty(report["dirt"]!.AsArray());
        Assert.InRange((double)report["first_gold_seconds"]!, 0.1, once.Took.TotalSeconds);
        var measured = await File.ReadAllLinesAsync(once.Instruments, TestContext.Current.CancellationToken);
        Assert.Empty(measured.Except(Instruments.All.Select(Measurements.Describe)));
        Assert.Empty(Instruments.All.Where(info => info.OnlyWhen is null).Select(Measurements.Describe).Except(measured));
    }

    [Fact]
    public void Every_line_of_its_progress_adds_up()
    {
        var lines = once.Run.Messages.Split('\n').Where(line => line.Contains("rows/s", StringComparison.Ordinal)).ToList();

        Assert.NotEmpty(lines);
        // Where they can be asked is said before they are read.
        Assert.All((string[])["PostgreSQL   ", "Kafka        127.0.0.1:", "Snowflake    http", "the node     http"], address => Assert.Contains($"  {address}", once.Run.Messages, StringComparison.Ordinal));
        Assert.All(lines, line => DemoScreenSpec.ExpectSums(line, rows: null, line));
        // At the end its counts are those of the report, which has them from queries.
        var report = JsonNode.Parse(once.Run.Data)!;
        long Found(string name) => report["tables"]!.AsArray().Sum(table => table![name] is JsonObject balance ? (long)balance["found"]! : (long)table[name]!);
        var rows = report["rows"]!;
        Assert.Equal((Found("generated"), Found("bronze"), Found("dead_letters"), Found("silver"), Found("quarantined"), Found("superseded"), 0, 0),
            ((long)rows["generated"]!, (long)rows["bronze"]!, (long)rows["dead_letters"]!, (long)rows["silver"]!, (long)rows["quarantine"]!, (long)rows["superseded"]!, (long)rows["deleted"]!, (long)rows["unread"]!));
    }

    /// <summary>The numbers there are of another run; tables, words and layout are what is printed.</summary>
    [Fact]
    public void The_README_shows_its_end_as_it_is_printed()
    {
        var readme = File.ReadAllText(Path.Combine(Repository.Root, "README.md"));
        var shown = readme[readme.IndexOf("```\ntable ", StringComparison.Ordinal)..].Split("```\n")[1].TrimEnd('\n').Split("\n\n");
        var report = JsonNode.Parse(once.Run.Data)!;

        Assert.Equal(4, shown.Length);
        Assert.Equal(report["tables"]!.AsArray().Select(table => (string)table!["table"]!), NamesOf(shown[0]));
        Assert.Equal(report["gold"]!.AsArray().Select(table => (string)table!["table"]!), NamesOf(shown[2]));
        // Numbers stand below the end of their titles.
        Assert.Single(shown[0].Split('\n').Select(line => line.Length).Distinct());
        Assert.All(shown[0].Split('\n').Skip(1).Select(NumbersOf), row => Assert.True(row is [var generated, var letters, var bronze, var silver, var quarantined, var superseded]
            && generated == bronze + letters && bronze == silver + quarantined + superseded, string.Join(' ', row)));
        Assert.Equal(ShapeOf(once.Run.Messages.Split('\n').Last(line => line.StartsWith("Balanced", StringComparison.Ordinal))), ShapeOf(shown[3].Split('\n')[^1]));

        static IEnumerable<string> NamesOf(string table) => table.Split('\n').Skip(1).Select(line => line.Split(' ')[0]);
        static List<long> NumbersOf(string line) => [.. line.Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).Select(number => long.Parse(number, NumberStyles.AllowThousands, CultureInfo.InvariantCulture))];
        static string ShapeOf(string line) => Regex.Replace(Regex.Replace(line, "--lake .*", "--lake DIRECTORY", RegexOptions.None, TimeSpan.FromSeconds(10)), "[0-9][0-9.,]*", "#", RegexOptions.None, TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task What_it_measures_is_found_in_CloudWatch_whose_model_every_request_keeps_to()
    {
        Assert.SkipWhen(once.CloudWatch is null, once.Missing);
        Assert.All(once.Puts, put => Assert.True(put is { Service: "cloudwatch", Operation: "PutMetricData", Request.Count: 0, Status: 200 }, put.ToString()));

        var found = await CloudWatchReader.ReadAsync(once.CloudWatch, "Pipeline/demo", TimeProvider.System.GetUtcNow(), TestContext.Current.CancellationToken, isCounted: true);

        TestContext.Current.TestOutputHelper!.WriteLine($"{found.Series.Count} series of {found.Series.Select(series => series.Name).Distinct().Count()} metrics in {once.Puts.Count} requests");
        Assert.True(found.Series.Count >= 40, $"{found.Series.Count} series");
        await ExpectEstimatedAsync(found.Series.Where(series => !IsOfWhatWentWrong(series)).Select(series => series.Name));
        Assert.All(found.Series, series => Assert.Equal("demo", series.Dimensions["pipeline"]));
        Assert.DoesNotContain(found.Series, series => series.Dimensions.ContainsKey("table") && series.Dimensions.ContainsKey("node"));
        var names = found.Series.Select(series => series.Name).ToHashSet(StringComparer.Ordinal);
        Assert.Empty(names.Except(Instruments.All.Select(info => info.Name)));
        Assert.Empty(Instruments.All.Where(info => info.OnlyWhen is null || info.Meter == Instruments.TelemetryMeter).Select(info => info.Name).Except(names).Except([Instruments.TelemetryFailures.Name, Instruments.TelemetryRejected.Name]));
    }

    [Fact]
    public async Task Its_runs_as_exported_jobs_by_a_second_interpreter_equal_the_lakes_rows()
    {
        var (here, again) = (Path.Combine(_root, "here"), Path.Combine(_root, "again"));
        var exported = await NodeRun.OfAsync("export-jobs", "--lake", once.Lake, "--to", here, "-o", "json");
        // Another process: what it would take from memory in another order.
        await using var second = NodeProcess.Start("export-jobs", "--lake", once.Lake, "--to", again);

        Assert.True(exported.ExitCode == ExitCode.Done, exported.Messages);
        Assert.Equal(ExitCode.Done, (await second.WaitForEndAsync()).ExitCode);
        Assert.Equal(Sums(here), Sums(again));
        var tables = exported.Rows;
        Assert.Equal((11, 11), (tables.Count(table => IsOf("silver", table!)), tables.Count(table => IsOf("gold", table!))));
        // One masks, and its key is not exported.
        Assert.Equal(["silver/user_sessions"], tables.Where(table => (int)table!["masked"]! > 0).Select(table => (string)table!["table"]!));
        Assert.All(tables, table => Assert.True(((int)table!["runs"]! > 0) == ((int)table["masked"]! == 0) && (int)table["not_kept"]! + (int)table["redefined"]! + (int)table["not_over"]! == 0, table.ToJsonString()));

        var interpreter = await JobInterpreter.TryCreateAsync(TestContext.Current.CancellationToken);
        Assert.SkipWhen(interpreter is null, JobInterpreter.Missing);
        // The copy: nothing of the lake, and nothing of where it was written.
        Directory.Move(again, Path.Combine(_root, "moved"));
        var (exit, lines) = await interpreter.CompareAsync(Path.Combine(_root, "moved"), TestContext.Current.CancellationToken);

        Assert.True(exit == 0, string.Join(Environment.NewLine, lines));
        var runs = tables.Sum(table => (int)table!["runs"]!);
        // Beside its own, a Silver run has two outputs more: quarantine and deletes.
        var outputs = runs + (2 * tables.Where(table => IsOf("silver", table!)).Sum(table => (int)table!["runs"]!));
        Assert.Matches($"^{runs} documents, {outputs} outputs, [1-9][0-9]{{4,}} rows, 0 differences$", lines[^1]);
        TestContext.Current.TestOutputHelper!.WriteLine(lines[^1]);
    }

    [Fact]
    public async Task Ctrl_C_commits_what_is_open_and_says_how_to_go_on()
    {
        await using var demo = NodeProcess.Start("demo", "--lake", Lake, "-o", "json");
        await demo.WaitForAsync(line => line.Contains("rows/s", StringComparison.Ordinal) && !line.Contains("Bronze 0 ", StringComparison.Ordinal));

        demo.Interrupt();
        var run = await demo.WaitForEndAsync();

        Assert.True(run.ExitCode == ExitCode.Interrupted, run.Messages);
        Assert.Contains($"Continue with: pipeline demo --resume --lake {Lake}", run.Messages);
        var report = JsonNode.Parse(run.Data)!;
        Assert.True((bool)report["is_interrupted"]!);
        Assert.True((bool)report["verify"]!["is_sound"]!, run.Data);
    }

    [Fact]
    public async Task Killed_at_random_moments_and_resumed_nothing_is_lost_and_nothing_is_there_twice()
    {
        var kills = Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1" ? 20 : 2;
        var seed = Environment.GetEnvironmentVariable("PIPELINE_SEED") is { } given ? int.Parse(given) : Random.Shared.Next();
        TestContext.Current.TestOutputHelper!.WriteLine($"PIPELINE_SEED={seed}");
        var random = new Random(seed);

        for (var i = 0; i < kills; i++)
        {
            await using var demo = NodeProcess.Start(["demo", "--once", "--lake", Lake, .. i == 0 ? Array.Empty<string>() : ["--resume"]]);
            // A random moment is a moment in time: of the start, of reading, of the first Silver and Gold runs.
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(1_000, 25_000)), TestContext.Current.CancellationToken);
            await demo.KillAsync();
        }

        await using var last = NodeProcess.Start("demo", "--once", "--resume", "--lake", Lake, "-o", "json");
        var run = await last.WaitForEndAsync();

        Assert.True(run.ExitCode == ExitCode.Done, $"PIPELINE_SEED={seed}\n{run.Messages}\n{run.Data}");
        ExpectBalanced(run);
        var verified = await NodeRun.OfAsync("verify", "--lake", Lake, "--config", Path.Combine(Repository.Root, "hocon", "pipeline.conf"), "-o", "json");
        Assert.True(verified.ExitCode == ExitCode.Done, verified.Data);
    }

    [Fact]
    public async Task Its_clock_set_back_by_an_hour_while_it_runs_and_before_it_goes_on_it_balances_to_the_row()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1", "Two lives of a demo under another clock are for a night.");
        using var clock = FakeClock.Create();
        await using (var first = NodeProcess.StartIn(clock.Environment, "demo", "--once", "--lake", Lake))
        {
            await first.WaitForAsync(line => line.Contains("rows/s", StringComparison.Ordinal) && !line.Contains("Bronze 0 ", StringComparison.Ordinal));
            clock.Move(TimeSpan.FromHours(-1));
            await first.WaitForAsync(line => line.Contains("ahead of this node's clock", StringComparison.Ordinal));
            await first.KillAsync();
        }

        await using var last = NodeProcess.StartIn(clock.Environment, "demo", "--once", "--resume", "--lake", Lake, "-o", "json");
        var run = await last.WaitForEndAsync();

        Assert.True(run.ExitCode == ExitCode.Done, $"{run.Messages}\n{run.Data}");
        ExpectBalanced(run);
    }

    /// <summary>Dead letters, quarantines and what is known of quality have tables of their own, which nobody configures.</summary>
    private static bool IsOfWhatWentWrong(CloudWatchSeries series) =>
        series.Dimensions.GetValueOrDefault("table") is { } table && (table.Contains("/_", StringComparison.Ordinal) || table.Contains("__", StringComparison.Ordinal));

    /// <summary>What is measured only when something goes wrong is not estimated, and goes wrong here.</summary>
    private async Task ExpectEstimatedAsync(IEnumerable<string> series)
    {
        var run = await NodeRun.OfAsync("metrics", "estimate", "-o", "json", "--config", once.Configuration);
        Assert.True(run.ExitCode == ExitCode.Done, run.Messages);
        var estimated = run.Rows.ToDictionary(line => (string)line!["instrument"]!, line => (int)line!["series"]!, StringComparer.Ordinal);
        var found = series.Where(name => estimated.ContainsKey(name) || Instruments.All.Any(info => info.Name == name && info.OnlyWhen is null)).CountBy(name => name).ToDictionary(StringComparer.Ordinal);

        var difference = string.Join(", ", estimated.Keys.Union(found.Keys).Where(name => estimated.GetValueOrDefault(name) != found.GetValueOrDefault(name)).Select(name => $"{name}: {estimated.GetValueOrDefault(name)} for {found.GetValueOrDefault(name)}"));
        TestContext.Current.TestOutputHelper!.WriteLine($"{estimated.Values.Sum()} estimated, {found.Values.Sum()} found: {difference}");
        Assert.True(Math.Abs(estimated.Values.Sum() - found.Values.Sum()) <= 0.02 * found.Values.Sum(), $"{estimated.Values.Sum()} for {found.Values.Sum()}: {difference}");
    }

    /// <summary>Standard output is one document and nothing else.</summary>
    private static JsonNode ExpectBalanced(NodeRun run)
    {
        var report = JsonNode.Parse(run.Data)!;
        Assert.True((bool)report["balanced"]!, run.Data);
        Assert.True((bool)report["verify"]!["is_sound"]!, run.Data);
        return report;
    }

    private static bool IsOf(string layer, JsonNode table) => ((string)table["table"]!).StartsWith(layer + "/", StringComparison.Ordinal);

    private static IReadOnlyList<string> Sums(string folder) =>
        [.. Directory.GetFiles(folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(file => $"{Path.GetRelativePath(folder, file)} {Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file)))}")];

    /// <summary>A demo that has run once to its end, the lake that it has left, and what it has put into a CloudWatch of moto's.</summary>
    public sealed class OnceDemo : IAsyncLifetime
    {
        private readonly ScratchDirectory _root = new("pipeline-demo-");
        private MotoServer? _moto;

        public string Lake => Path.Combine(_root, "lake");

        public string Instruments => Path.Combine(_root, "instruments");

        /// <summary>Its configuration, where it put metrics.</summary>
        public string Configuration => Path.Combine(_root, "measured.conf");

        /// <summary>Null: this machine lacks what is <see cref="Missing"/>.</summary>
        public Uri? CloudWatch { get; private set; }

        public string Missing { get; private set; } = "";

        public IReadOnlyList<AwsVerdict> Puts { get; private set; } = [];

        internal NodeRun Run { get; private set; } = new(-1, "", "");

        /// <summary>From its start to its end.</summary>
        public TimeSpan Took { get; private set; }

        public async ValueTask InitializeAsync()
        {
            (_moto, Missing) = await MotoServer.TryStartAsync(CancellationToken.None);
            AwsWireCheck? check = null;
            if (_moto is not null) (check, Missing) = await AwsWireCheck.TryStartAsync(_moto.Url, CancellationToken.None);
            await using var ended = check;
            CloudWatch = check is null ? null : _moto!.Url;
            // The demo waits seconds for what it sends at its end to be taken, and a machine may be busy with all that came before.
            await using var first = check is null ? null : await FaultProxy.StartAsync(check.Url, CancellationToken.None);
            first?.Use(_ => new ProxyFault.AnswerBeforeActing(200, "{}", "application/x-amz-json-1.0"));
            var since = TimeProvider.System.GetTimestamp();
            var environment = new Dictionary<string, string>(StringComparer.Ordinal) { ["AWS_ACCESS_KEY_ID"] = "test", ["AWS_SECRET_ACCESS_KEY"] = "test" };
            await using var demo = NodeProcess.StartMeasured(Instruments, environment, ["demo", "--once", "--lake", Lake, "-o", "json", .. first is null ? Array.Empty<string>() : ["--config", Config(first.Url)]]);
            Run = await demo.WaitForEndAsync();
            Took = TimeProvider.System.GetElapsedTime(since);
            if (first is not null) await first.UntilIdleAsync(CancellationToken.None);
            if (check is not null) Puts = await check.EndAsync();
        }

        public async ValueTask DisposeAsync()
        {
            if (_moto is not null) await _moto.DisposeAsync();
            _root.Dispose();
        }

        /// <summary>The demo's configuration with a CloudWatch that is put to more often than it would be.</summary>
        private string Config(Uri cloudWatch)
        {
            var hocon = Path.Combine(Repository.Root, "hocon");
            File.Copy(Path.Combine(hocon, "akka.conf"), Path.Combine(_root, "akka.conf"));
            var path = Configuration;
            File.WriteAllText(path, $$"""
                include "{{Path.Combine(hocon, "demo.conf")}}"
                pipeline.telemetry {
                  interval = 5s
                  cloudwatch { region = eu-central-1, endpoint = "{{cloudWatch}}" }
                  spool.location = "{{Path.Combine(_root, "spool")}}"
                }
                """);
            return path;
        }
    }
}
