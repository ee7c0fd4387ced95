using System.CommandLine;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Node.Http.Api.Documents;
using Pipeline.Operations.Control;

namespace Pipeline.Node.Verbs;

internal sealed class WhyVerb : Verb
{
    private readonly Argument<TableId> _table;
    private readonly NodeOptions _node;

    public WhyVerb() : base("why", "What keeps a table, or what it is made from: since when, what is waited for, and the command that helps. As a running node says, where one of this machine answers; else by the lake and what nodes last said in it.")
    {
        _table = Add(TableArgument.Create());
        _node = new NodeOptions(Add, Add);
    }

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var table = parsed.GetRequiredValue(_table);
        var why = await ByNodeAsync(invocation, parsed, table, cancellationToken) ?? await ByLakeAsync(invocation, table, cancellationToken);
        if (invocation.Format == OutputFormat.Table) Print(invocation, why);
        else invocation.Print(InFull(why));
        invocation.Answer.Take("age_seconds", why.Table.Age);
        invocation.Answer.Take("sla_seconds", why.Table.Sla);
        invocation.Answer.Take("next_at", why.NextAt);
        invocation.Answer.Take("waiting_orders", why.Orders.Select(order => order.Id));
        return why.Hindrances.FirstOrDefault(hindrance => hindrance.Kind is HindranceKind.Mend or HindranceKind.Gap) is not null ? ExitCode.Failed
            : why.Table.Age > why.Table.Sla ? ExitCode.Breached : ExitCode.Done;
    }

    /// <returns>Null: none was named, and none answers here.</returns>
    private Task<WhyTableResult?> ByNodeAsync(Invocation invocation, ParseResult parsed, TableId table, CancellationToken cancellationToken) => NodeOrLake.AskAsync(_node, invocation, parsed,
        async (node, cancel) => (await node.ReadAsync<WhyDocument>($"/v1/tables/{Uri.EscapeDataString(table.ToString())}/why", cancel)).ToResult(), cancellationToken);

    private static async Task<WhyTableResult> ByLakeAsync(Invocation invocation, TableId table, CancellationToken cancellationToken)
    {
        using var control = invocation.OpenControl();
        return await WhyTable.RunAsync(new WhyTableRequest(table), invocation.Load(), invocation.OpenLake(), control, invocation.Context.Time, cancellationToken);
    }

    private static Listing InFull(WhyTableResult why)
    {
        var listing = new Listing("table", "kind", "thing", "cause", "next step", "since", "help");
        foreach (var hindrance in why.Hindrances)
            listing.Add(hindrance.Table.ToString(), ControlWords.Of(hindrance.Kind), hindrance.Thing, hindrance.Cause, hindrance.NextStep, hindrance.Since, Cell.List(hindrance.Help));
        return listing;
    }

    private static void Print(Invocation invocation, WhyTableResult why)
    {
        var (screen, now, table) = (invocation.Context, invocation.Context.Time.GetUtcNow(), why.Table);
        screen.Say($"{table.Table}: {(why.IsHindered ? "is kept" : "does what it should")}. It reflects its sources as of {Listing.Format(table.Age)} ago, and {Listing.Format(table.Sla)} is promised.");
        foreach (var hindrance in why.Hindrances)
        {
            var which = hindrance.Table == table.Table ? "" : $"{hindrance.Table}, which it is made from: ";
            screen.Say($"  {which}{Word(hindrance)} {hindrance.Thing}{(hindrance.Since is { } since ? $", for {Listing.Format(now.Since(since))}" : "")}: {hindrance.Cause.TrimEnd('.')}. {hindrance.NextStep}");
            if (!hindrance.Help.IsEmpty) screen.Say($"    ./pipeline {string.Join(' ', hindrance.Help)}");
        }

        if (why.NextAt is { } next) screen.Say($"  It runs next at {Listing.Format(next)}.");
        foreach (var order in why.Orders) screen.Say($"  Waits to be done: {ControlWords.Of(order.Kind)}, ordered by {order.Who} {Listing.Format(now.Since(order.At))} ago: {order.Why}");
    }

    private static string Word(Hindrance hindrance) => hindrance.Kind switch
    {
        HindranceKind.Wish => "rests, because of",
        HindranceKind.Mend => "waits until somebody mends",
        HindranceKind.Away => "tries again, because of",
        HindranceKind.Waits => "waits for an answer:",
        HindranceKind.Letters => "goes on without what is in",
        HindranceKind.Gap => "waits for a decision about",
        HindranceKind.Schedule => "runs by schedule",
        HindranceKind.Doubt => "may lack rows, says",
        HindranceKind.NoNode => "waits for",
        HindranceKind.Configuration => "is left alone, because of",
        _ => "has nothing:",
    };
}
