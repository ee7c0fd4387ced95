namespace Pipeline.Node.Cli;

/// <summary>Of a terminal, in cells.</summary>
internal readonly record struct TerminalSize(int Width, int Height)
{
    /// <summary>Of one that does not say.</summary>
    public static readonly TerminalSize Usual = new(80, 24);

    /// <summary>Of the process's own, now: it may be made larger and smaller while something runs in it.</summary>
    public static TerminalSize OfProcess()
    {
        try
        {
            return new TerminalSize(Console.WindowWidth is > 0 and var width ? width : Usual.Width, Console.WindowHeight is > 0 and var height ? height : Usual.Height);
        }
        catch (IOException)
        {
            return Usual;
        }
    }
}
