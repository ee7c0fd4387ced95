using System.CommandLine;
using Pipeline.Node.Cli;
using Pipeline.Operations.Control;

namespace Pipeline.Node.Verbs;

internal sealed class ControlShowVerb : Verb
{
    private readonly Option<bool> _all;

    public ControlShowVerb() : base("show", "What holds now and which orders wait, with who said so, when and why.") =>
        _all = Add(new Option<bool>("--all") { Description = "Also what holds no more and what is done." });

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        using var control = invocation.OpenControl();
        var state = await control.StateAsync(cancellationToken);
        var (all, holding) = (parsed.GetValue(_all), state.Wishes.Select(wish => wish.Id).ToHashSet(StringComparer.Ordinal));
        var listing = new Listing(Column.Named("what", "kind"), "target", "state", "at", "who", "why", "parameter", Column.Named("detail", "reason"), Column.Id("id"));
        foreach (var wish in state.Words.Where(wish => all || holding.Contains(wish.Id)))
            listing.Add(ControlWords.Of(wish.Kind), wish.Target.Name, Cell.Code(holding.Contains(wish.Id) ? "holds" : wish.Holds ? "over" : "ended it"), wish.At, wish.Who, wish.Why, wish.Value, null, wish.Id);
        foreach (var order in state.Orders.Where(order => all || order.DoneAt is null))
            listing.Add(ControlWords.Of(order.Kind), order.Target.Name, order.Outcome is { } outcome ? ControlWords.Of(outcome) : "waits", order.At, order.Who, order.Why, order.Value, order.Detail, order.Id);
        invocation.Print(listing);
        return ExitCode.Done;
    }
}
