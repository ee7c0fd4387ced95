using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Operations.Inspection;

namespace Pipeline.Node.Cli;

/// <summary>Errors as people read them: the thing, the cause, the next step; and the exit code that goes with them.</summary>
internal static class Faults
{
    public static int Report(NodeContext context, Exception error, bool isVerbose)
    {
        switch (error)
        {
            case ConfigurationException configuration:
                foreach (var problem in configuration.Problems) context.Messages.WriteLine(problem);
                context.Messages.WriteLine($"{Plural.Of(configuration.Problems.Count, "error")} in the configuration.");
                return ExitCode.Usage;
            case PipelineException fault:
                context.Messages.WriteLine(fault.Message);
                if (isVerbose && fault.InnerException is { } cause) context.Messages.WriteLine(cause);
                return CodeOf(fault.Kind);
            case OperationCanceledException when context.Interruption is { Signal: not null }:
                context.Messages.WriteLine("Interrupted.");
                return ExitCode.Interrupted;
            case var _ when Fault.Of("pipeline", error) is { Kind: not FaultKind.Defect } outside:
                context.Messages.WriteLine(outside);
                if (isVerbose) context.Messages.WriteLine(error);
                return CodeOf(outside.Kind);
            default:
                context.Messages.WriteLine(isVerbose ? error.ToString() : $"pipeline: an error that should not happen: {error.Message} ({error.GetType().Name}). Run the command again with --verbose to see where.");
                return ExitCode.Failed;
        }
    }

    /// <summary>The same for programs.</summary>
    public static IEnumerable<ToldError> Of(NodeContext context, Exception error) => error switch
    {
        ConfigurationException configuration => configuration.Problems.Select(problem => new ToldError("configuration", problem.Path, problem.Message, NextStep: null, $"{problem.Location}")),
        OperationCanceledException when context.Interruption is { Signal: not null } => [new ToldError("interrupted", "pipeline", "it was interrupted", NextStep: null)],
        _ => [ToldError.Of(Fault.Of("pipeline", error))],
    };

    /// <summary>The tables of which a verb's work could not be done, a line for each reason; the code of the first.</summary>
    public static int Report(NodeContext context, IReadOnlyList<FailedTable> failed)
    {
        foreach (var fault in failed.Select(table => table.Fault).Distinct()) context.Messages.WriteLine(fault);
        return failed is [var first, ..] ? CodeOf(first.Fault.Kind) : ExitCode.Done;
    }

    public static int CodeOf(FaultKind kind) => kind switch
    {
        FaultKind.Unreachable => ExitCode.CannotConnect,
        FaultKind.NotAuthorised => ExitCode.NotAuthorised,
        _ => ExitCode.Failed,
    };
}
