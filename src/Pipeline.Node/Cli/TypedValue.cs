namespace Pipeline.Node.Cli;

/// <summary>What was typed, as a check of it sees it.</summary>
internal static class TypedValue
{
    /// <summary>Whether it can be read and is so. What cannot be read the parser refuses in words of its own, and asking for it throws.</summary>
    public static bool Is<T>(Func<T> read, Func<T, bool> isSo)
    {
        try
        {
            return isSo(read());
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }
}
