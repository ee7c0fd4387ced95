namespace Pipeline.Operations.Access;

/// <summary>A token as it is kept: what it is known by, and never itself.</summary>
/// <param name="Id">The part of it that is no secret.</param>
/// <param name="Name">Whose it is: what it may, the configuration says by this name.</param>
/// <param name="Sha256">Of the part that is, in hexadecimal.</param>
public sealed record AccessToken(string Id, string Name, string Sha256, DateTimeOffset CreatedAt, DateTimeOffset ExpiresAt)
{
    public bool IsValidAt(DateTimeOffset now) => now < ExpiresAt;
}

/// <summary>A token that was made: the only place where it stands is a file that its owner alone may read.</summary>
public sealed record IssuedToken(AccessToken Token, string File);
