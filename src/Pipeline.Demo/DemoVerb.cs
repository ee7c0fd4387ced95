using System.CommandLine;
using System.CommandLine.Parsing;
using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Node.Composition;
using Pipeline.Demo.Emr;
using Pipeline.Demo.Session;
using Spectre.Console;

namespace Pipeline.Demo;

internal sealed class DemoVerb : Verb
{
    private readonly Option<bool> _once;
    private readonly Option<bool> _resume;
    private readonly Option<TimeSpan?> _duration;
    private readonly Option<int?> _rate;
    private readonly Option<string> _engine;

    public DemoVerb() : base("demo", """
        The whole pipeline on live data, on this machine: a real PostgreSQL in a scratch directory, an embedded Kafka broker
        and an emulated Snowflake, filled with data that keeps changing; eleven tables from Bronze to Gold. Ends with a
        report that compares everything generated with everything that arrived.

        The lake is .pipeline/demo/lake unless --lake says otherwise. A new demo replaces the one before in the same
        directory; --resume continues it. A directory that no demo made is left alone.
        """)
    {
        _once = Add(new Option<bool>("--once") { Description = "A fixed amount of data; stop when all of it has reached Gold." });
        _resume = Add(new Option<bool>("--resume") { Description = "Continue the demo that was in the directory, also after kill -9." });
        _duration = Add(DurationOption.Create("--duration", "How long data keeps coming, e.g. 60s or 5m; without it until Ctrl-C."));
        _rate = Add(new Option<int?>("--rate") { Description = "Rows and events a second, of all tables together.", HelpName = "N" });
        _rate.Validators.Add(result =>
        {
            if (TypedValue.Is(result.GetValueOrDefault<int?>, rate => rate is < 1)) result.AddError("--rate must be at least 1.");
        });
        _engine = Add(new Option<string>("--engine")
        {
            Description = "What executes Silver and Gold: the node, or an emulation that the demo starts.",
            DefaultValueFactory = _ => DemoEngine.DuckDb.Name,
        }.AcceptOnlyFromAmong([.. DemoEngine.All.Select(engine => engine.Name)]));
    }

    protected override string DefaultConfig(SymbolResult asked) => DemoEngine.Of(asked.GetValue(_engine) ?? DemoEngine.DuckDb.Name).ConfigFile;

    protected override bool HasRows => false;

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var context = invocation.Context;
        var settings = new DemoSettings(invocation.LakeLocation ?? DemoSettings.DefaultLake, parsed.GetValue(_once), parsed.GetValue(_resume),
            parsed.GetValue(_duration), parsed.GetValue(_rate), DemoEngine.Of(parsed.GetRequiredValue(_engine)));
        if (settings.Lake.StartsWith("s3://", StringComparison.Ordinal))
            throw new PipelineException(FaultKind.Invalid, $"Lake {settings.Lake}", "the demo's lake is a directory", "Choose one with --lake.");

        using var directory = DemoDirectory.Open(settings.Lake, settings.IsResumed);
        context.Messages.WriteLine(directory.IsResumed ? $"Continuing the demo in {directory.Lake}" : $"Starting PostgreSQL, Kafka and Snowflake for a demo in {directory.Lake}");

        var isLive = context.IsTerminal && invocation.Format == OutputFormat.Table;
        // Lines of a log would tear the live table: they go to a file beside it.
        await using var logFile = isLive ? new StreamWriter(Path.Combine(directory.Servers, "pipeline.log"), append: true) { AutoFlush = true } : null;
        using var logs = NodeLogs.Create(logFile ?? context.Messages, invocation.IsVerbose ? LogLevel.Information : LogLevel.Warning);
        await using var session = await DemoSession.StartAsync(settings, invocation.ConfigPath, context, logs, directory, cancellationToken);

        var outcome = isLive ? await RunLiveAsync(session, context, cancellationToken) : await session.RunAsync(new PlainDisplay(context.Messages), cancellationToken);
        return DemoReportPrinter.Print(outcome, directory.Lake, settings.Engine, invocation);
    }

    private static async Task<DemoOutcome> RunLiveAsync(DemoSession session, NodeContext context, CancellationToken cancellationToken)
    {
        var console = context.DataConsole();
        return await console.Live(new Text("")).StartAsync(live => session.RunAsync(new TerminalDisplay(live), cancellationToken));
    }
}
