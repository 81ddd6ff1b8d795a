package upload_test

import (
	"fmt"

	"tabard/engine/multipart"
	"tabard/engine/upload"
)

func Example() {
	judge := upload.NewJudge(upload.Limits{})
	judge.Begin(multipart.Part{Name: "photo", Filename: "me.png", IsFile: true, ContentType: "image/png"})
	judge.Data([]byte("GIF89a<?php system($_GET[1]);"))
	judge.End()
	fmt.Println(judge.Found[upload.Polyglot])
	fmt.Println(judge.Found[upload.NearMismatch])
	// Output:
	// file "me.png" in field "photo": it is image/gif and also PHP
	// file "me.png" in field "photo": declared image/png, but it is image/gif
}
