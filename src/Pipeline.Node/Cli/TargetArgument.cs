using System.CommandLine;
using System.CommandLine.Parsing;
using Pipeline.Operations.Control;

namespace Pipeline.Node.Cli;

internal static class TargetArgument
{
    public static Argument<ControlTarget> Create(string description) => new("TARGET") { Description = description, CustomParser = Parse };

    private static ControlTarget? Parse(ArgumentResult result)
    {
        try
        {
            return ControlTarget.Parse(result.Tokens[0].Value);
        }
        catch (FormatException e)
        {
            result.AddError(e.Message);
            return null;
        }
    }
}
