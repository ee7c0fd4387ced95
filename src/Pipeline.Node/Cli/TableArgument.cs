using System.CommandLine;
using System.CommandLine.Parsing;
using Pipeline.Core;

namespace Pipeline.Node.Cli;

internal static class TableArgument
{
    public static Argument<TableId> Create() => new("TABLE")
    {
        Description = "bronze/SOURCE/TABLE, silver/TABLE or gold/TABLE.",
        CustomParser = result => Parse(result, result.Tokens[0].Value),
    };

    public static Argument<TableId?> CreateOptional(string description) => new("TABLE")
    {
        Description = description,
        Arity = ArgumentArity.ZeroOrOne,
        CustomParser = result => Parse(result, result.Tokens[0].Value),
        DefaultValueFactory = _ => null,
    };

    /// <summary>Any number of tables; none means all of the lake.</summary>
    public static Argument<TableId[]> CreateMany() => new("TABLE")
    {
        Description = "bronze/SOURCE/TABLE, silver/TABLE or gold/TABLE; without any, all tables of the lake.",
        Arity = ArgumentArity.ZeroOrMore,
        CustomParser = result => [.. result.Tokens.Select(token => Parse(result, token.Value)).OfType<TableId>()],
        DefaultValueFactory = _ => [],
    };

    public static Option<TableId?> CreateOption(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "TABLE",
        CustomParser = result => Parse(result, result.Tokens[0].Value),
    };

    private static TableId? Parse(ArgumentResult result, string text)
    {
        try
        {
            return TableId.Parse(text);
        }
        catch (FormatException e)
        {
            result.AddError(e.Message);
            return null;
        }
    }
}
