using System.CommandLine;
using Pipeline.Operations.Tables;

namespace Pipeline.Node.Cli;

internal static class RunArgument
{
    public static Argument<ShowRunRequest> Create() => new("RUN")
    {
        Description = "A table and the number of its run, as silver/users#12: 'jobs list', 'history' and the log name them.",
        CustomParser = result =>
        {
            try
            {
                return ShowRunRequest.Parse(result.Tokens[0].Value);
            }
            catch (FormatException e)
            {
                result.AddError(e.Message);
                return null;
            }
        },
    };
}
