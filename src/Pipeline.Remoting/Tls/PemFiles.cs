using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Pipeline.Core;

namespace Pipeline.Remoting.Tls;

/// <summary>Certificates and keys as PEM files; what is wrong with one names it and the section that does.</summary>
internal static class PemFiles
{
    /// <exception cref="PipelineException">A file cannot be read, or the key is another's.</exception>
    public static X509Certificate2 ReadOwn(string certificateFile, string keyFile, string? password, string section)
    {
        X509Certificate2? own = null;
        Read(certificateFile, section, file => own = password is null ? X509Certificate2.CreateFromPemFile(file, keyFile) : X509Certificate2.CreateFromEncryptedPemFile(file, password, keyFile));
        return own!;
    }

    /// <exception cref="PipelineException">It cannot be read.</exception>
    public static void Read(string file, string section, Action<string> read)
    {
        try
        {
            read(file);
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw Unreadable(file, section, e.Message.ReplaceLineEndings(" ").TrimEnd('.'), e);
        }
    }

    public static PipelineException Unreadable(string file, string section, string cause, Exception? e) =>
        new(FaultKind.Invalid, $"Certificate {file}", $"it cannot be read: {cause}", $"Check {section}: PEM files that this process may read.", e);
}
