using System.Text;

namespace Pipeline.Delta.Log;

/// <summary>Paths as actions carry them: URI-encoded. See PROTOCOL.md, section "Add File and Remove File".</summary>
internal static class PathEncoding
{
    public static string Encode(string path)
    {
        if (!path.AsSpan().ContainsAnyExcept(Plain)) return path;
        var encoded = new StringBuilder(path.Length + 16);
        foreach (var b in Encoding.UTF8.GetBytes(path))
        {
            if (Plain.Contains((char)b)) encoded.Append((char)b);
            else encoded.Append('%').Append(b.ToString("X2"));
        }

        return encoded.ToString();
    }

    /// <summary>The path below the table; an absolute one loses the authority of its <c>file:</c> URI only.</summary>
    public static string Decode(string path)
    {
        var decoded = path.Contains('%') ? Uri.UnescapeDataString(path) : path;
        // file:/x, file:///x and /x name the same file.
        if (!decoded.StartsWith("file:/", StringComparison.Ordinal)) return decoded;
        return "/" + decoded["file:/".Length..].TrimStart('/');
    }

    private static readonly System.Buffers.SearchValues<char> Plain = System.Buffers.SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/=");
}
