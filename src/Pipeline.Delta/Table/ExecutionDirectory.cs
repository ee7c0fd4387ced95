namespace Pipeline.Delta.Table;

/// <summary>
/// The directory, in a table's, that one execution of a run writes into and nobody else: <c>x-EXECUTION</c>. Readers pass it by, for
/// its name is no partition's, until a commit names files in it.
/// </summary>
public static class ExecutionDirectory
{
    private const string Prefix = "x-";

    /// <param name="execution">Letters and digits.</param>
    public static string Of(string execution) => Prefix + execution;

    /// <summary>The execution that wrote what lies at a path below a table's directory; null: none did.</summary>
    public static string? ExecutionOf(string path)
    {
        var end = path.IndexOf('/', StringComparison.Ordinal);
        return end > Prefix.Length && path.StartsWith(Prefix, StringComparison.Ordinal) && path[Prefix.Length..end] is var execution && execution.All(char.IsAsciiLetterOrDigit) ? execution : null;
    }
}
