package account

import (
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Of reads the token of a process (OpenProcessToken), session included (TokenSessionId):
// ProcessIdToSessionId wants more rights, and the console's session is not the person's over
// Remote Desktop. The handle needs PROCESS_QUERY_LIMITED_INFORMATION.
func Of(process windows.Handle) (Account, error) {
	var token windows.Token
	if err := windows.OpenProcessToken(process, windows.TOKEN_QUERY, &token); err != nil {
		return Account{}, os.NewSyscallError("OpenProcessToken", err)
	}
	defer token.Close()
	user, err := token.GetTokenUser()
	if err != nil {
		return Account{}, os.NewSyscallError("GetTokenInformation", err)
	}
	var session, length uint32
	if err := windows.GetTokenInformation(token, windows.TokenSessionId, (*byte)(unsafe.Pointer(&session)), uint32(unsafe.Sizeof(session)), &length); err != nil {
		return Account{}, os.NewSyscallError("GetTokenInformation", err)
	}
	return Account{user.User.Sid.String(), session}, nil
}
