using System.CommandLine;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Operations.Control;

namespace Pipeline.Node.Verbs;

internal sealed class EventsVerb : Verb
{
    private static readonly TimeSpan SinceByDefault = TimeSpan.FromHours(2);

    private readonly Argument<TableId?> _table;
    private readonly Option<TimeSpan?> _since;

    public EventsVerb() : base("events", "What happened lately, a line each, the oldest first: halts and their ends, nodes that came and went, what operators wanted. From the lake.")
    {
        _table = Add(TableArgument.CreateOptional("Only of this table, with what was wanted of its source and of nodes."));
        _since = Add(DurationOption.Create("--since", "How far back: 30m, 12h; 2 h where nothing is said."));
    }

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        using var control = invocation.OpenControl();
        var since = invocation.Context.Time.GetUtcNow().Minus(parsed.GetValue(_since) ?? SinceByDefault);
        var result = await EventsOfLake.RunAsync(new EventsOfLakeRequest(since, parsed.GetValue(_table)), control, cancellationToken);
        var listing = new Listing("at", "kind", "thing", "who", "what", "next step");
        foreach (var happened in result.Events) listing.Add(happened.At, ControlWords.Of(happened.Kind), happened.Thing, happened.Who, happened.What, happened.NextStep);
        invocation.Print(listing);
        return ExitCode.Done;
    }
}
