namespace Pipeline.Emulation.Emr;

/// <summary>Files of one JSON document a line, to which a process appends that may be killed at any moment.</summary>
internal static class JsonLines
{
    /// <summary>The lines that were written to their end.</summary>
    public static IReadOnlyList<string> Read(string path)
    {
        if (!File.Exists(path)) return [];
        using var reader = new StreamReader(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        var text = reader.ReadToEnd();
        return text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    /// <summary>Opened to append to, without a last line that was cut off.</summary>
    public static StreamWriter Append(string path)
    {
        var whole = Read(path);
        if (File.Exists(path))
        {
            File.WriteAllLines(path + ".whole", whole);
            File.Move(path + ".whole", path, overwrite: true);
        }

        return new StreamWriter(new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read)) { AutoFlush = true };
    }
}
