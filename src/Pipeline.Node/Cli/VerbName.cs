using System.CommandLine;
using System.CommandLine.Parsing;

namespace Pipeline.Node.Cli;

internal static class VerbName
{
    /// <summary>A verb with its nouns, as it is typed; empty: none is.</summary>
    public static string Of(CommandResult result)
    {
        var names = new Stack<string>();
        for (SymbolResult? part = result; part is CommandResult { Command: not RootCommand } command; part = command.Parent) names.Push(command.Command.Name);
        return string.Join(' ', names);
    }
}
