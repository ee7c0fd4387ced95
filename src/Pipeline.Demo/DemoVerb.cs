using System.CommandLine;
using System.CommandLine.Parsing;
using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Storage;
using Pipeline.Node.Cli;
using Pipeline.Node.Composition;
using Pipeline.Demo.Emr;
using Pipeline.Demo.Session;
using Pipeline.Operations.Options;
using Spectre.Console;

namespace Pipeline.Demo;

internal sealed class DemoVerb : Verb
{
    private readonly Option<bool> _once;
    private readonly Option<bool> _resume;
    private readonly Option<bool> _replace;
    private readonly Option<TimeSpan?> _duration;
    private readonly Option<int?> _rate;
    private readonly Option<string> _engine;
    private readonly Option<string?> _servers;

    public DemoVerb() : base("demo", """
        The whole pipeline on live data, on this machine: a real PostgreSQL in a scratch directory, an embedded Kafka broker
        and an emulated Snowflake, filled with data that keeps changing; eleven tables from Bronze to Gold. Ends with a
        report that compares everything generated with everything that arrived.

        The lake is .pipeline/demo/lake unless --lake says otherwise: another directory, or s3://bucket/prefix, which is
        reached as lake.s3 of the configuration says. A new demo replaces the one before in the same place, and
        asks first at a terminal; --resume continues it. A directory or a prefix that no demo made is left alone.

        """ + ProgressWords.Meanings)
    {
        _once = Add(new Option<bool>("--once") { Description = "A fixed amount of data; stop when all of it has reached Gold." });
        _resume = Add(new Option<bool>("--resume") { Description = "Continue the demo that was in the directory, also after kill -9." });
        _replace = Add(new Option<bool>("--replace") { Description = "Replace the demo that was in the directory, and ask nobody." });
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
        _servers = Add(new Option<string?>("--servers")
        {
            Description = $"For a lake in a bucket: the directory of what belongs to the demo's servers, instead of one in {DemoSettings.DefaultServers}.",
            HelpName = "DIRECTORY",
        });
    }

    protected override string DefaultConfig(SymbolResult asked) => DemoEngine.Of(asked.GetValue(_engine) ?? DemoEngine.DuckDb.Name).ConfigFile;

    protected override bool HasRows => false;

    protected override bool HasTargets => false;

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var context = invocation.Context;
        var settings = new DemoSettings(invocation.LakeLocation ?? DemoSettings.DefaultLake, parsed.GetValue(_once), parsed.GetValue(_resume),
            parsed.GetValue(_duration), parsed.GetValue(_rate), DemoEngine.Of(parsed.GetRequiredValue(_engine)));
        var bucket = S3Location.IsS3(settings.Lake) ? invocation.OpenLake() : null;
        using var directory = await OpenAsync(settings, bucket, parsed.GetValue(_servers), parsed.GetValue(_replace) || !context.IsTerminal ? null : location => MayReplace(context, location), cancellationToken);
        context.Messages.WriteLine(directory.IsResumed ? $"Continuing the demo in {directory.Lake}" : $"Starting PostgreSQL, Kafka and Snowflake for a demo in {directory.Lake}");

        var isLive = Frames.AreFor(context) && invocation.Format == OutputFormat.Table;
        // Lines of a log would tear the live table: they go to a file beside it.
        await using var logFile = isLive ? new StreamWriter(Path.Combine(directory.Servers, "pipeline.log"), append: true) { AutoFlush = true } : null;
        using var logs = NodeLogs.Create(logFile ?? context.Messages, invocation.IsVerbose ? LogLevel.Information : LogLevel.Warning);
        var lake = bucket ?? Lakes.Open(new LakeOptions { Location = directory.Lake }, context.Time);
        await using var session = await DemoSession.StartAsync(settings, invocation.ConfigPath, context, logs, directory, lake, bucket is null ? null : invocation.Load().Lake.S3, cancellationToken);

        foreach (var address in session.Addresses) context.Messages.WriteLine($"  {address}");
        var outcome = await session.RunAsync(isLive ? new TerminalDisplay(context) : new PlainDisplay(context.Messages), cancellationToken);
        var configuration = Given(parsed, "--config", Config);
        var again = $"pipeline demo --resume{Given(parsed, "--engine", _engine)}{configuration}{Given(parsed, "--servers", _servers)} --lake {directory.Lake}";
        return DemoReportPrinter.Print(outcome, new DemoAgain(directory.Lake, again, bucket is null ? "" : configuration), invocation);
    }

    private static async Task<DemoDirectory> OpenAsync(DemoSettings settings, Lake? bucket, string? servers, Func<string, bool>? mayReplace, CancellationToken cancellationToken)
    {
        if (bucket is null)
            return servers is null ? DemoDirectory.Open(settings.Lake, settings.IsResumed, mayReplace)
                : throw new PipelineException(FaultKind.Invalid, "--servers", "the lake is a directory, and what belongs to the demo's servers is in it", "Leave out --servers, or name a bucket with --lake.");
        return await DemoDirectory.OpenAsync(bucket.Store, servers ?? settings.ServersOfBucket, settings.IsResumed, cancellationToken, mayReplace);
    }

    private static bool MayReplace(NodeContext context, string location) => context.MessagesConsole().Prompt(new ConfirmationPrompt(Markup.Escape($"There is a demo in {location}. Replace it?")) { DefaultValue = false });

    /// <summary>An option as it was written; nothing where it was not.</summary>
    private static string Given(ParseResult parsed, string name, Option option) =>
        parsed.GetResult(option) is { Implicit: false, Tokens: [.., { } value] } ? $" {name} {value.Value}" : "";
}
