namespace Pipeline.Demo.Data.Writers;

/// <summary>The statements that make the demo's databases, from the files in <c>Data/Sql</c>.</summary>
internal static class Ddl
{
    public static string Postgres => Read("postgres.sql");

    /// <summary>One <c>CREATE TABLE</c> each.</summary>
    public static IEnumerable<string> Snowflake =>
        string.Join('\n', Read("snowflake.sql").Split('\n').Where(line => !line.StartsWith("--", StringComparison.Ordinal)))
            .Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    private static string Read(string name)
    {
        using var stream = typeof(Ddl).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"The assembly has no resource {name}.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
