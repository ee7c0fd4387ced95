using System.CommandLine;

namespace Pipeline.Node.Cli;

/// <summary>Any number of selectors of tables.</summary>
internal static class SelectorArgument
{
    public static Argument<string[]> Create(string without, ArgumentArity? arity = null) => new("SELECTOR")
    {
        Description = $"A table (silver/users, fact_sales) or tag:NAME; with + before it also what it is made from, behind it what is made of it. {without}",
        Arity = arity ?? ArgumentArity.ZeroOrMore,
        // Without it a parser that is asked for one that is required says so.
        DefaultValueFactory = arity is null ? _ => [] : null,
    };
}
