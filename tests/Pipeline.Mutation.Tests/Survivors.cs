using Pipeline.Testing;

namespace Pipeline.Mutation.Tests;

/// <summary>
/// Mutants of an assembly that may live, each with its reason: <c>survivors/ASSEMBLY.txt</c>. A mutant's key stands at the
/// beginning of a line, its reason on the indented lines below; several keys may share one.
/// </summary>
internal sealed record Survivors(IReadOnlyDictionary<string, string> Reasons)
{
    public static Survivors Read(string assembly) => Parse(File.ReadAllLines(Path.Combine(Repository.Root, $"tests/Pipeline.Mutation.Tests/survivors/{assembly}.txt")));

    public static Survivors Parse(IEnumerable<string> lines)
    {
        var reasons = new Dictionary<string, string>(StringComparer.Ordinal);
        var keys = new List<string>();
        var isReason = false;
        foreach (var line in lines.Where(line => line.Length > 0 && line[0] != '#'))
        {
            if (line[0] == ' ')
            {
                foreach (var key in keys) reasons[key] = $"{reasons[key]} {line.Trim()}".Trim();
                isReason = true;
                continue;
            }

            if (isReason) keys.Clear();
            isReason = false;
            keys.Add(line);
            if (!reasons.TryAdd(line, "")) throw new FormatException($"this mutant stands here twice: {line}");
        }

        return reasons.FirstOrDefault(pair => pair.Value.Length == 0).Key is { } without ? throw new FormatException($"no reason is given for: {without}")
            : new Survivors(reasons);
    }
}
