using System.CommandLine;
using Pipeline.Node.Cli;
using Pipeline.Node.Http.Api.Documents;
using Pipeline.Node.Http.Client;
using Pipeline.Operations.Control;
using Pipeline.Operations.Options;

namespace Pipeline.Node.Verbs;

/// <summary>How much the log of a running node tells; asked of it, and changed through it.</summary>
internal sealed class LogLevelVerb : Verb
{
    private readonly Argument<string[]> _words;
    private readonly Option<TimeSpan?> _for;
    private readonly Option<string?> _of;
    private readonly Option<string?> _reason;
    private readonly NodeOptions _node;

    public LogLevelVerb() : base("log-level", "How much the log of a running node tells, and with a level, have it tell more or less: it goes back by itself. Says what it was.")
    {
        _words = Add(new Argument<string[]>("LEVEL")
        {
            Description = $"{string.Join(", ", Enum.GetValues<LogDetail>().Select(ControlWords.Of))}, or {LogOrder.Configured}; before it of what, where not of all: Pipeline.Ingest, Akka, /user/membership. None: say how it is.",
            Arity = new ArgumentArity(0, 2),
            HelpName = "[LOGGER] LEVEL",
        });
        _for = Add(DurationOption.Create("--for", "After which it goes back to what the configuration says: 10m; else it stays until the node starts again."));
        _of = Add(new Option<string?>("--node") { Description = "Another node of the pipeline than the one that is asked.", HelpName = "HOST:PORT" });
        _reason = Add(new Option<string?>("--reason", "-r") { Description = "Why, for those who read it later. Needed with a level.", HelpName = "TEXT" });
        _node = new NodeOptions(Add, Add);
    }

    protected override bool HasTargets => false;

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var words = parsed.GetValue(_words) ?? [];
        if (words.Length > 0 && string.IsNullOrWhiteSpace(parsed.GetValue(_reason)))
        {
            var told = new ToldError("usage", "pipeline log-level", "nobody has said why", "Say why with --reason.");
            invocation.Answer.Take(told);
            invocation.Context.Messages.WriteLine(told.NextStep);
            return ExitCode.Usage;
        }

        var order = words.Length == 0 ? null : OrderOf(words, parsed.GetValue(_for));
        using var node = _node.Connect(invocation, parsed);
        var now = await node.ReadAsync<LogLevelDocument>("/v1/log-level", cancellationToken);
        var other = parsed.GetValue(_of) is { } of && of != now.Node ? of : null;
        if (order is null) Print(invocation, now);
        else await ChangeAsync(invocation, node, other ?? now.Node, order, other is null ? now : null, parsed.GetValue(_reason)!, cancellationToken);
        return ExitCode.Done;
    }

    private static LogOrder OrderOf(string[] words, TimeSpan? lasts)
    {
        var parsed = LogOrder.Parse(words is [var logger, var level] ? $"{level} {logger}" : words[0]);
        return LogOrder.Parse((parsed with { For = lasts }).ToString());
    }

    private static void Print(Invocation invocation, LogLevelDocument now)
    {
        var listing = new Listing("node", "logger", "level", "configured", "until");
        foreach (var line in now.Items) listing.Add(now.Node, line.Logger, line.Level, line.Configured, line.Until);
        invocation.Print(listing);
    }

    /// <param name="was">How it is; null: it is another node's.</param>
    private static async Task ChangeAsync(Invocation invocation, NodeClient node, string name, LogOrder order, LogLevelDocument? was, string reason, CancellationToken cancellationToken)
    {
        using var planned = await node.PostAsync("/v1/plans", new PlanRequest(ControlWords.Of(ControlVerb.LogLevel), name, order.ToString()), cancellationToken);
        var plan = await node.DocumentAsync<PlanDocument>(planned, cancellationToken);
        using var applied = await node.PostAsync("/v1/plans/apply", new ApplyRequest(plan.Id, reason), cancellationToken);
        var done = await node.DocumentAsync<AppliedDocument>(applied, cancellationToken);
        var before = was is null ? null : was.Items.FirstOrDefault(line => line.Logger == order.Logger) ?? was.Items[0];
        var listing = new Listing("node", "logger", "level", Column.Seconds("for"), "was", "state", "id");
        listing.Add(name, order.Logger, order.Level is { } level ? ControlWords.Of(level) : LogOrder.Configured, order.For, before?.Level, Cell.Code(done.Outcome.Replace('_', ' ')), done.Id);
        invocation.Print(listing);
    }
}
