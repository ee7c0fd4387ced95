using System.Text;
using Pipeline.DuckDb;

namespace Pipeline.Node.Tests.Acceptance;

/// <summary>Looks for texts that must not be somewhere, in every byte of it.</summary>
internal static class Traces
{
    /// <summary>In what was said.</summary>
    public static IEnumerable<string> In(IEnumerable<(string Where, string Said)> said, IReadOnlyCollection<string> texts) =>
        said.SelectMany(one => Found(texts, Encoding.UTF8.GetBytes(one.Said)).Select(trace => $"{trace} in {one.Where}"));

    /// <summary>In all files of a directory, and in the rows of those that are Parquet.</summary>
    /// <param name="isLeftOut">Paths in the directory.</param>
    public static IEnumerable<string> In(string directory, IReadOnlyCollection<string> texts, Func<string, bool> isLeftOut, CancellationToken cancellationToken)
    {
        using var session = DuckDbSession.Open(new DuckDbSettings(256L << 20, 1, Path.GetTempPath()), cancellationToken);
        foreach (var file in Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories))
        {
            var path = Path.GetRelativePath(directory, file);
            if (isLeftOut(path)) continue;
            var bytes = File.ReadAllBytes(file);
            foreach (var trace in Found(texts, bytes)) yield return $"{trace} in {path}";
            // What a run had begun that failed has no footer.
            if (!path.EndsWith(".parquet", StringComparison.Ordinal) || !bytes.AsSpan().EndsWith("PAR1"u8)) continue;
            foreach (var row in session.Rows($"SELECT CAST(t AS VARCHAR) FROM read_parquet({Sql.Text(file)}) AS t"))
                foreach (var trace in Found(texts, Encoding.UTF8.GetBytes((string)row[0]!))) yield return $"{trace} in rows of {path}";
        }
    }

    /// <summary>Texts as they are, in any case, and in base64 wherever they begin.</summary>
    private static IEnumerable<string> Found(IReadOnlyCollection<string> texts, byte[] bytes)
    {
        var content = Encoding.Latin1.GetString(bytes);
        return texts.Where(text => content.Contains(text, StringComparison.OrdinalIgnoreCase) || Enumerable.Range(0, 3).Any(at => content.Contains(Base64(text, at), StringComparison.Ordinal)));
    }

    private static string Base64(string text, int at)
    {
        var whole = Convert.ToBase64String([.. new byte[at], .. Encoding.ASCII.GetBytes(text)]);
        return whole[(((at * 8) + 5) / 6)..((at + text.Length) * 8 / 6)];
    }
}
