namespace Pipeline.Node.Cli;

/// <summary>What the process says to its caller. Part of the command line's promise: never renumber.</summary>
internal static class ExitCode
{
    public const int Done = 0;
    public const int Failed = 1;
    public const int PlanHasChanges = 2;
    public const int Breached = 3;
    public const int CannotConnect = 4;
    public const int NotAuthorised = 5;
    public const int Usage = 64;
    public const int Interrupted = 130;
}
